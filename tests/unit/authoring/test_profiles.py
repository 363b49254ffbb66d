"""Profiles of samples: made once for each state of a file, without personal data."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ketch.authoring import profiles
from ketch.authoring.profiles import MOST_KEPT, profiles_of
from ketch.errors import Finding
from ketch.package import Manifest
from ketch.package.manifest_reader import parse_manifest_toml
from ketch.tables import Profile

TOML = """
[package]
name = "shop"
version = "1"
owner = "tests@shop.example"
[pipeline]
steps = ["pipeline:run"]
[inputs]
shopper = { type = "string", pii = true }
size = "int64"
[outputs]
price = "int64"
[data.training]
source = "s3://shop/"
sample = "training.csv"
[data.dated]
source = "s3://shop/"
sample = "dated.csv"
time_column = "at"
"""


class Told:
    """Takes note of what is done."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        self.steps.append(text)

    def advance(self, count: int) -> None:
        pass


def manifest() -> Manifest:
    read, findings = parse_manifest_toml(TOML.encode())
    assert read is not None, findings
    return read


def written(path: Path, text: str, *, age_s: float = 60) -> Path:
    path.write_text(text)
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def made(file: Path, cache: Path, told: Told, name: str = "training") -> Profile:
    found, findings = profiles_of({name: file}, manifest(), cache, told)
    assert findings == ()
    return found[name]


def test_a_file_is_read_once_for_each_state_of_it(tmp_path: Path) -> None:
    file, cache, told = written(tmp_path / "a.csv", "size\n1\n2\n"), tmp_path / "cache", Told()
    first = made(file, cache, told)
    assert made(file, cache, told) == first
    assert told.steps == ["profiling a.csv"]
    written(file, "size\n1\n3\n", age_s=30)
    assert made(file, cache, told) != first
    assert told.steps == ["profiling a.csv"] * 2


def test_a_file_that_was_just_written_is_not_remembered(tmp_path: Path) -> None:
    """Another change in the same moment could not be told from it."""
    file, told = written(tmp_path / "a.csv", "size\n1\n", age_s=0), Told()
    made(file, tmp_path / "cache", told)
    made(file, tmp_path / "cache", told)
    assert told.steps == ["profiling a.csv"] * 2


def test_another_time_column_makes_another_profile(tmp_path: Path) -> None:
    file, told = written(tmp_path / "a.csv", "at,size\n2026-01-01,1\n"), Told()
    assert made(file, tmp_path / "cache", told).time_from is None
    assert made(file, tmp_path / "cache", told, "dated").time_from == "2026-01-01T00:00:00Z"


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff", b'{"format": "ketch-profile/9"}'])
def test_a_profile_that_cannot_be_read_is_made_again(tmp_path: Path, damage: bytes) -> None:
    file, cache, told = written(tmp_path / "a.csv", "size\n1\n"), tmp_path / "cache", Told()
    first = made(file, cache, told)
    for kept in cache.iterdir():
        kept.write_bytes(damage)
    assert made(file, cache, told) == first
    assert made(file, cache, told) == first
    assert told.steps == ["profiling a.csv"] * 2


def test_a_home_that_cannot_be_written_costs_time_and_nothing_else(tmp_path: Path) -> None:
    file = written(tmp_path / "a.csv", "size\n1\n")
    (tmp_path / "cache").write_text("in the way")
    assert made(file, tmp_path / "cache", Told()).row_count == 1


def test_no_more_are_kept_than_anybody_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_KEPT >= 10
    monkeypatch.setattr(profiles, "MOST_KEPT", 3)
    cache = tmp_path / "cache"
    files = [written(tmp_path / f"{n}.csv", f"size\n{n}\n") for n in range(5)]
    for file in files:
        made(file, cache, Told())
    assert len(list(cache.iterdir())) == 3
    told = Told()
    made(files[-1], cache, told)
    assert told.steps == []


def test_of_an_input_with_personal_data_a_profile_tells_nothing(tmp_path: Path) -> None:
    rows = "".join(f"ann@shop.example,{n}\nbob@shop.example,{n}\n" for n in (1, 2, 3))
    file, cache = written(tmp_path / "a.csv", f"shopper,size\n{rows}"), tmp_path / "cache"
    for _ in range(2):  # also when it was kept
        found = made(file, cache, Told())
        shopper, size = found.columns
        assert (shopper.count, round(shopper.distinct or 0)) == (6, 2)
        assert "@" not in str(shopper.to_json())
        assert shopper.distinct_sketch is None
        assert size.top(3) == ((1, 2), (2, 2), (3, 2))


def test_every_sample_that_cannot_be_profiled_is_told(tmp_path: Path) -> None:
    files = {
        "training": written(tmp_path / "a.csv", 'size\n"1\n'),
        "dated": written(tmp_path / "b.csv", "size\n1\n"),
    }
    found, findings = profiles_of(files, manifest(), tmp_path / "cache", Told())
    assert found == {}
    assert [(one.code, one.where) for one in findings] == [
        ("table/unreadable", "ketch.toml: data.training"),
        ("table/no-time-column", "ketch.toml: data.dated"),
    ]
    assert all(isinstance(one, Finding) and one.blocks for one in findings)
