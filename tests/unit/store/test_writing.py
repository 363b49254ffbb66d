"""Large files on their way to a disk, past the page cache or through it."""

import errno
import fcntl
import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from ketch.errors import Unavailable
from ketch.store import LocalStore, durable, writing

MIB = 1024 * 1024


def is_direct(fd: int) -> bool:
    return bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_DIRECT)


def refuse_direct(monkeypatch: pytest.MonkeyPatch, *, after: int) -> list[int]:
    """Let every direct write take ``after`` bytes and the next be refused; count refusals."""
    write, taken, refused = os.write, set[int](), list[int]()

    def direct_once(fd: int, content: bytes | memoryview) -> int:
        if not is_direct(fd):
            return write(fd, content)
        if fd in taken or not after:
            taken.discard(fd)
            refused.append(fd)
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        taken.add(fd)
        return write(fd, content[:after])

    monkeypatch.setattr(os, "write", direct_once)
    return refused


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights"
    path.write_bytes(os.urandom(5 * MIB + 123))
    return path


@pytest.fixture
def direct(tmp_path: Path) -> None:
    """Skip where the filesystem of the tests always goes through the page cache."""
    fd = os.open(tmp_path / "tried", os.O_WRONLY | os.O_CREAT)
    can = durable.set_direct(fd, on=True)
    os.close(fd)
    if not can:
        pytest.skip("needs a filesystem with direct writes")


@pytest.mark.usefixtures("direct")
def test_large_files_go_past_the_page_cache(
    store: LocalStore, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, directly = os.write, list[int]()

    def watched(fd: int, content: bytes | memoryview) -> int:
        directly.append(len(content) if is_direct(fd) else 0)
        return write(fd, content)

    monkeypatch.setattr(os, "write", watched)
    store.verify_all([store.put_files([weights])[weights].digest])
    assert sum(directly) == 5 * MIB  # and the end, which fills no block, does not


@pytest.mark.parametrize("after", [0, 4096])
@pytest.mark.usefixtures("direct")
def test_file_is_whole_when_the_disk_takes_no_more_direct_writes(
    store: LocalStore, weights: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    refused = refuse_direct(monkeypatch, after=after)
    stored = store.put_files([weights])[weights]
    assert refused
    store.verify_all([stored.digest])
    assert store.path(stored.digest).read_bytes() == weights.read_bytes()


def test_file_is_whole_where_no_direct_write_is_possible(
    store: LocalStore, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "set_direct", lambda _fd, *, on: not on)
    stored = store.put_files([weights])[weights]
    assert store.path(stored.digest).read_bytes() == weights.read_bytes()


@pytest.mark.usefixtures("direct")
def test_disk_that_fills_up_under_a_direct_write_is_reported(
    store: LocalStore, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(fd: int, content: bytes | memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", refuse)
    with pytest.raises(Unavailable) as caught:
        store.put_files([weights])
    assert caught.value.code == "disk/full"
    assert list(store.digests()) == []


class FakeClock:
    """A clock that writes and hashes as fast as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("ketch.store.writing.time.monotonic", lambda: self.now)

    def disk(self, *, written: int, write_s: float, writers: int = 1) -> writing.Disk:
        """Return a disk on which each of some writers wrote so many bytes, side by side."""
        disk = writing.Disk()
        disk.hashed(100 * MIB, 0.1)
        with ExitStack() as side_by_side:
            for _ in range(writers):
                side_by_side.enter_context(disk.writing(written))
            self.now += write_s
        return disk


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    return FakeClock(monkeypatch)


@pytest.mark.usefixtures("direct")
def test_slow_disk_is_written_to_through_the_page_cache(tmp_path: Path, clock: FakeClock) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    buffer = writing.buffer_of(MIB)
    writing.Writer(fd, 10 * MIB, clock.disk(written=100 * MIB, write_s=0.3)).append(buffer)
    assert is_direct(fd)
    writing.Writer(fd, 10 * MIB, clock.disk(written=100 * MIB, write_s=0.5)).append(buffer)
    assert not is_direct(fd)
    assert os.fstat(fd).st_size == 2 * MIB
    os.close(fd)


def test_disk_is_not_called_slow_before_it_was_tried(clock: FakeClock) -> None:
    assert not clock.disk(written=MIB, write_s=10).is_slow
    assert clock.disk(written=64 * MIB, write_s=10).is_slow


def test_disk_is_not_called_slow_because_many_write_at_once(clock: FakeClock) -> None:
    assert not clock.disk(written=25 * MIB, write_s=0.3, writers=4).is_slow
    assert clock.disk(written=25 * MIB, write_s=0.5, writers=4).is_slow
