"""A changed byte anywhere in a log costs what it touches, and is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.decisions import Write

from ketch.errors import KetchError
from ketch.monitor.decisions import table
from ketch.monitor.decisions.checking import check
from ketch.monitor.decisions.losses import losses
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.sealing import seal


def readable(folder: Path) -> set[str]:
    with Decisions(folder) as known:
        return {str(row[0]) for row in known.query("SELECT id FROM decisions")[1]}


def found(known: Decisions, decision: str) -> str:
    try:
        return "found" if known.find(decision).id == decision else "another"
    except KetchError as error:
        return error.code


def test_every_byte_of_a_hot_file(folder: Path, write: Write) -> None:
    ids = set(write(["ana", "ben", "cas", "dan"]))
    path = next((folder / "hot").glob("*.log"))
    whole = path.read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 1 + at % 255
        left = {
            one.id for one in table.written_in(bytes(changed)) if isinstance(one, table.Written)
        }
        assert len(left & ids) >= 3, at
        assert left <= ids, at
        cut = [one for one in table.written_in(whole[:at]) if isinstance(one, table.Written)]
        assert len(cut) >= whole[:at].count(b"\n"), at
    for at in (0, 5, 40, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[at] ^= 255
        path.write_bytes(changed)
        assert len(readable(folder)) == 3
        assert "decisions/damaged" in {one.code for one in check(folder)}
    assert seal(folder, datetime.now(UTC)) == 3
    (loss,) = losses(folder)
    assert loss.lost == 1
    assert loss.damaged_bytes > 100


@pytest.fixture
def sealed(folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, set[str]]:
    """A segment of several row groups."""
    small = table.PARQUET.replace("ROW_GROUP_SIZE 10240", "ROW_GROUP_SIZE 2048")
    monkeypatch.setattr(table, "PARQUET", small)
    ids = write([f"unit-{number}" for number in range(6000)], sealed=True)
    (path,) = folder.glob("sealed/*/*/*.parquet")
    return path, set(ids)


def test_every_part_of_a_segment(folder: Path, sealed: tuple[Path, set[str]]) -> None:
    path, ids = sealed
    whole = path.read_bytes()
    for at in [0, 3, 4, 5, *range(7, len(whole) - 9, len(whole) // 40), *range(-9, 0)]:
        changed = bytearray(whole)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        assert [one.code for one in check(folder)] == ["decisions/damaged"], at
        with Decisions(folder) as known:
            lost = [found(known, one) for one in sorted(ids)[::600]]
        assert set(lost) <= {"found", "decisions/damaged"}, at
        assert "found" in lost, at


def test_a_segment_that_cannot_be_read_is_read_around_the_damage(
    folder: Path, sealed: tuple[Path, set[str]]
) -> None:
    path, ids = sealed
    changed = bytearray(path.read_bytes())
    middle = len(changed) // 3
    changed[middle : middle + 3000] = bytes(3000)
    path.write_bytes(changed)
    left = readable(folder)
    assert left < ids
    assert len(left) >= 6000 - 2 * 2048


@pytest.mark.parametrize("damage", ["cut", "footer", "more", "gone", "empty"])
def test_a_segment_without_its_end(
    folder: Path, sealed: tuple[Path, set[str]], damage: str
) -> None:
    path, ids = sealed
    whole = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        ends = {"cut": len(whole) - 200, "footer": len(whole) - 4, "empty": 0, "more": 0}
        path.write_bytes(whole + b"more" if damage == "more" else whole[: ends[damage]])
    assert check(folder)
    left = readable(folder)
    assert left == (set() if damage in ("gone", "empty") else ids)


def test_every_byte_of_the_list(folder: Path, write: Write) -> None:
    ids = set(write(["ana", "ben"], sealed=True))
    path = next(folder.glob("sealed/*/*/segments.json"))
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 1 + at % 255
        path.write_bytes(changed)
        assert [one.code for one in check(folder)] == ["decisions/damaged"], at
        if at % 70 == 0:
            assert readable(folder) == ids, at
    assert seal(folder, datetime.now(UTC)) == 0
    assert check(folder) == ()
    assert readable(folder) == ids


def test_new_decisions_are_added_to_a_damaged_list(folder: Path, write: Write) -> None:
    ids = set(write(["ana", "ben"], sealed=True))
    next(folder.glob("sealed/*/*/segments.json")).write_bytes(b"nothing")
    ids |= set(write(["cas"], sealed=True))
    assert readable(folder) == ids
    assert check(folder) == ()


@pytest.mark.parametrize("name", ["losses", "erased"])
def test_other_files_of_any_content_stop_nothing(folder: Path, write: Write, name: str) -> None:
    ids = set(write(["ana"]))
    (folder / name).write_bytes(b"\x1e00000000{}\n\x1egarbage")
    assert readable(folder) == ids
    assert seal(folder, datetime.now(UTC)) == 1
