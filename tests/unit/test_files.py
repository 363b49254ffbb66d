"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from ketch.errors import Unavailable, UsageError
from ketch.files import (
    explained,
    read_file,
    refused_path,
    remove_abandoned,
    temporary_folder,
    whole_file,
    write_whole,
)


class Failed(Exception):
    pass


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_takes_its_place_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")
    with whole_file(path) as stream:
        stream.write(b"after")
        stream.flush()
        assert path.read_text() == "before"
    assert path.read_text() == "after"
    assert names(tmp_path) == ["out.csv"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("before")

    def write_half() -> None:
        with whole_file(path) as stream:
            stream.write(b"half")
            raise Failed

    with pytest.raises(Failed):
        write_half()
    assert path.read_text() == "before"
    assert names(tmp_path) == ["out.csv"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "whole", b"")
        (tmp_path / "plain").write_bytes(b"")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("whole", "plain")}
    assert len(modes) == 1


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".lock[1].txt.0123abcd.part"
    left.write_bytes(b"half")
    write_whole(tmp_path / "lock[1].txt", b"whole")
    assert names(tmp_path) == ["lock[1].txt"]


def test_files_of_others_are_not_taken_for_abandoned(tmp_path: Path) -> None:
    others = [".out.notes.part", ".out2.0123abcd.part", ".out.0123ABCD.part", "out.0123abcd.part"]
    for name in others:
        (tmp_path / name).write_bytes(b"kept")
    write_whole(tmp_path / "out", b"whole")
    assert names(tmp_path) == sorted([*others, "out"])


def test_two_writers_of_one_file_leave_what_one_of_them_wrote(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with whole_file(path) as first, whole_file(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize("kind", ["folder", "device"])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else Path(os.devnull)
    with pytest.raises(UsageError) as caught:
        write_whole(path, b"content")
    assert caught.value.code == "disk/not-a-file"
    assert not path.is_file()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=str(tmp_path / "no")) as caught:
        write_whole(tmp_path / "no" / "out", b"content")
    assert caught.value.code == "disk/no-folder"


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_disk_that_refuses_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"before")

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, refuse)
        with pytest.raises(Unavailable) as caught:
            write_whole(path, b"after")
    assert (caught.value.code, caught.value.where) == ("disk/io-error", str(path))
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["out"]


def test_a_filesystem_without_synced_folders_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_folders(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse_folders)
    write_whole(tmp_path / "out", b"content")
    assert (tmp_path / "out").read_bytes() == b"content"


def test_a_reader_that_has_gone_is_no_trouble_of_the_disk() -> None:
    with pytest.raises(BrokenPipeError), explained(Path("out")):
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@pytest.mark.parametrize(
    ("number", "code", "status"),
    [
        (errno.ENAMETOOLONG, "usage/path", 2),
        (errno.ENOTDIR, "usage/path", 2),
        (errno.EACCES, "disk/not-permitted", 3),
    ],
)
def test_a_path_that_cannot_be_looked_at_is_told_with_its_name(
    number: int, code: str, status: int
) -> None:
    told = refused_path(OSError(number, os.strerror(number), "some/where"))
    assert told is not None
    assert (told.code, told.where, told.exit_status) == (code, "some/where", status)
    assert os.strerror(number) in told.message


def test_what_is_no_trouble_of_a_path_stays_a_fault() -> None:
    assert refused_path(OSError(errno.EINVAL, "no", "some/where")) is None
    assert refused_path(OSError(errno.EACCES, "no path at all")) is None


def test_abandoned_parts_of_every_file_are_removed_and_told(tmp_path: Path) -> None:
    left = [tmp_path / ".a.0123abcd.part", tmp_path / ".b.csv.0123abcd.part"]
    for path in [*left, tmp_path / "a"]:
        path.write_bytes(b"half")
    assert sorted(remove_abandoned(tmp_path)) == left
    assert names(tmp_path) == ["a"]


def test_temporary_folder_is_gone_afterwards_with_all_that_is_in_it() -> None:
    with temporary_folder("ketch-test-") as folder:
        (folder / "inside").mkdir()
        (folder / "inside" / "file").write_bytes(b"content")
    assert not folder.exists()


def test_temporary_folder_on_a_full_disk_is_named() -> None:
    def fill() -> None:
        with temporary_folder("ketch-test-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(Unavailable) as caught:
        fill()
    assert caught.value.code == "disk/full"
    assert "ketch-test-" in str(caught.value.where)


def test_a_regular_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"four")
    assert read_file(file, most=4) == b"four"
    with pytest.raises(OSError, match="more than 3 bytes"):
        read_file(file, most=3)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "nothing", "NUL"])
def test_what_is_no_file_is_not_read_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("a\0b" if kind == "NUL" else "it")
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "device":
            path.symlink_to("/dev/zero")
    with pytest.raises(OSError, match=r"file|name"):
        read_file(path, most=100)
