"""What `ketch gc` clears away beside blobs and environments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ketch.files import whole_file
from ketch.runtime import Home, clean_up

LATER = datetime.now(UTC) + timedelta(hours=2)


@pytest.fixture
def left(home: Home) -> Path:
    """A room whose process is no more."""
    with home.room() as room:
        name = room.name
    folder = home.path / "run" / name
    (folder / "code").mkdir(parents=True)
    return folder


def test_a_room_that_was_left_behind_goes_after_an_hour(home: Home, left: Path) -> None:
    assert clean_up(home).leftovers == 0
    assert left.exists()
    assert clean_up(home, now=LATER).leftovers == 1
    assert not left.exists()


def test_a_room_in_use_stays_however_old(home: Home) -> None:
    with home.room() as room:
        assert clean_up(home, now=LATER).leftovers == 0
        assert room.exists()
    assert not room.exists()


def test_nothing_goes_when_it_is_only_asked_about(home: Home, left: Path) -> None:
    clean_up(home, dry_run=True, now=LATER)
    assert left.exists()


def test_half_written_files_of_the_home_go_and_those_being_written_stay(home: Home) -> None:
    folder = home.path / "profiles"
    folder.mkdir(parents=True)
    left = folder / ".a.json.01234567.part"
    left.write_bytes(b"half")
    with whole_file(folder / "b.json") as stream:
        stream.write(b"{}")
        assert clean_up(home).leftovers == 1
    assert [path.name for path in folder.iterdir()] == ["b.json"]
