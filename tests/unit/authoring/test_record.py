"""Recording: only what changed is written, in the files as their author wrote them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from ketch.authoring import Recorded, Silent, pack, record, rewriting
from ketch.env import LOCK_FILE
from ketch.errors import PackageCodeError, Refused, Unavailable
from ketch.runtime import Home

Shop = Callable[..., Path]

HAND = """{
    "description": "written by hand",
    "inputs": [
        {"size": 1},
        {"size": 2}
    ],
    "expected": [
        {"twice": 2},
        {"twice": 5}
    ],
    "name": "hand"
}
"""
LINES = '{"name":"one", "inputs": {"size": 1}}\n\n{"name":"two", "inputs": {"size": 2}, "expected": {"twice": 4}}\n'


def changes(done: Recorded) -> dict[str, str]:
    return {one.scenario.name: one.change for one in done.scenarios}


def scenario(folder: Path, name: str, text: str) -> Path:
    path = folder / "scenarios" / name
    path.write_text(text)
    return path


def states(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_an_answer_is_written_where_there_was_none(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 3}}])
    done = record(folder, home=home)
    assert changes(done) == {"s0": "new"}
    assert done.files == ("scenarios/all.jsonl", "scenarios/traces.jsonl")
    assert json.loads((folder / "scenarios" / "all.jsonl").read_text())["expected"] == {
        "twice": 6.0
    }
    assert pack(folder, home=home).verified


def test_what_differs_is_replaced_and_the_rest_stays_as_it_was_written(
    shop: Shop, home: Home
) -> None:
    folder = shop()
    path = scenario(folder, "hand.json", HAND)
    done = record(folder, home=home)
    assert changes(done) == {"s0": "same", "hand": "changed"}
    (difference,) = done.scenarios[1].differences
    assert (difference.row, difference.expected, difference.found) == (1, 5.0, 4.0)
    assert path.read_text() == HAND.replace('{"twice": 5}', '{"twice": 4.0}')
    assert done.files == ("scenarios/hand.json", "scenarios/traces.jsonl")


def test_a_line_changes_and_its_neighbours_do_not(shop: Shop, home: Home) -> None:
    folder = shop()
    path = scenario(folder, "lines.jsonl", LINES)
    record(folder, home=home)
    first, blank, second, end = path.read_text().split("\n")
    assert first == '{"name":"one", "inputs": {"size": 1},"expected":{"twice":2.0}}'
    assert [blank, second, end] == LINES.split("\n")[1:]


def test_a_table_gets_its_answers_beside_it(shop: Shop, home: Home) -> None:
    folder = shop()
    scenario(folder, "t.csv", "size\n1\n2\n")
    done = record(folder, home=home)
    assert (folder / "scenarios" / "t.expected.csv").read_text() == "twice\n2.0\n4.0\n"
    assert "scenarios/t.expected.csv" in done.files


def test_a_table_that_is_right_stays_as_it_was_written(shop: Shop, home: Home) -> None:
    folder = shop()
    scenario(folder, "t.csv", "size\n1\n")
    path = scenario(folder, "t.expected.csv", '"twice"\n2\n')
    assert changes(record(folder, home=home))["t"] == "same"
    assert path.read_text() == '"twice"\n2\n'


def test_nothing_is_written_when_nothing_changed(shop: Shop, home: Home) -> None:
    folder = shop()
    scenario(folder, "hand.json", HAND)
    record(folder, home=home)
    before = states(folder)
    done = record(folder, home=home)
    assert done.files == ()
    assert set(changes(done).values()) == {"same"}
    assert states(folder) == before


def test_what_is_within_tolerance_is_the_same(shop: Shop, home: Home) -> None:
    folder = shop(
        outputs='twice = { type = "float64", rtol = 1e-3 }',
        scenarios=[{"inputs": {"size": 3}, "expected": {"twice": 6.0001}}],
    )
    assert changes(record(folder, home=home)) == {"s0": "same"}
    assert "6.0001" in (folder / "scenarios" / "all.jsonl").read_text()


def test_traces_that_agree_stay_as_they_were_recorded(shop: Shop, home: Home) -> None:
    """Another processor may round otherwise; that is no change worth a review."""
    folder = shop()
    record(folder, home=home)
    traces = folder / "scenarios" / "traces.jsonl"
    body = json.loads(traces.read_text())
    field = body["steps"][0]["fields"][0]
    field["digest"] = "0" * len(field["digest"])
    traces.write_text(json.dumps(body, separators=(",", ":"), sort_keys=True) + "\n")
    before = traces.read_text()
    assert record(folder, home=home).files == ()
    assert traces.read_text() == before


def test_a_draft_stays_one_until_it_is_confirmed(shop: Shop, home: Home) -> None:
    folder = shop()
    draft = HAND.replace('"name": "hand"', '"draft": true,\n    "name": "hand"').replace("5", "4")
    path = scenario(folder, "hand.json", draft)
    done = record(folder, home=home)
    assert [one.scenario.draft for one in done.scenarios] == [False, True]
    assert path.read_text() == draft
    with pytest.raises(Refused):
        pack(folder, home=home)
    done = record(folder, confirm=True, home=home)
    assert [one.confirmed for one in done.scenarios] == [False, True]
    assert path.read_text() == HAND.replace("5", "4")
    assert pack(folder, home=home).verified


def test_an_error_that_is_promised_is_never_recorded_over(shop: Shop, home: Home) -> None:
    folder = shop()
    text = '{"name": "bad", "inputs": {"size": "x"}, "expected_error": "schema/wrong-type"}'
    path = scenario(folder, "bad.json", text)
    assert changes(record(folder, home=home))["bad"] == "error"
    assert path.read_text() == text


RAISES = """
def double(model, rows):
    if rows[0]["size"] == 13:
        raise ValueError("13 is not sold")
    if rows[0]["size"] == 14:
        return [{"twice": "much"}]
    if rows[0]["size"] == 15:
        raise KeyError("shelf")
    return [{"twice": 2 * row["size"]} for row in rows]


def load(model_dir, params):
    return None
"""


@pytest.mark.parametrize(
    ("inputs", "says", "hint"),
    [
        ({"size": 13}, "13 is not sold", '"expected_error": "a part of the message"'),
        ({"size": 14}, "outputs", None),
        ({"size": 15}, "shelf", None),
        ({"size": "x"}, "schema refuses", '"expected_error": "schema/wrong-type"'),
        ({}, "schema refuses", '"expected_error": "schema/missing-field"'),
    ],
)
def test_nothing_at_all_is_written_unless_every_scenario_was_answered(
    shop: Shop, home: Home, inputs: dict[str, Any], says: str, hint: str | None
) -> None:
    folder = shop(RAISES, scenarios=[{"inputs": {"size": 1}}, {"inputs": inputs}])
    before = states(folder)
    done = record(folder, confirm=True, home=home)
    assert not done.answered
    assert changes(done) == {"s0": "new", "s1": "raised"}
    assert says in done.scenarios[1].detail
    assert hint is None or hint in str(done.scenarios[1].hint)
    assert done.files == ()
    assert states(folder) == before


def test_a_package_that_cannot_be_loaded_writes_nothing(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 1}}], files={"model/factor.json": "{"})
    before = states(folder)
    with pytest.raises(PackageCodeError):
        record(folder, home=home)
    assert states(folder) == before


def test_what_is_about_to_be_mended_is_not_listed(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 1}}, {"inputs": {"size": 2}, "draft": True}])
    (folder / "README.md").unlink()
    scenario(folder, "traces.jsonl", "{}")
    with pytest.raises(Refused, match="1 thing is wrong") as caught:
        record(folder, home=home)
    assert [one.code for one in caught.value.findings] == ["package/readme-missing"]


class Editor(Silent):
    """Somebody who edits a file while the package answers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        if text.startswith("scenario "):
            self.path.write_text("edited\n")


def test_a_scenario_that_was_edited_meanwhile_is_not_overwritten(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 1}}])
    path = folder / "scenarios" / "all.jsonl"
    with pytest.raises(Unavailable) as caught:
        record(folder, home=home, progress=Editor(path))
    assert (caught.value.code, caught.value.where) == ("store/file-changed", "scenarios/all.jsonl")
    assert path.read_text() == "edited\n"


def test_no_file_is_changed_when_one_of_them_cannot_be_written(
    shop: Shop, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 1}}])
    for name in ("a", "b"):
        scenario(folder, f"{name}.json", f'{{"name": "{name}", "inputs": {{"size": 1}}}}')
    before = {path: path.read_text() for path in folder.glob("scenarios/*")}
    synced = 0

    def fails_at_the_second(fd: int) -> None:
        nonlocal synced
        synced += 1
        if synced == 2:
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr(rewriting, "sync_file", fails_at_the_second)
    with pytest.raises(Unavailable) as caught:
        record(folder, home=home)
    assert caught.value.code == "disk/full"
    assert {path: path.read_text() for path in folder.glob("scenarios/*")} == before


def test_the_lock_that_the_answers_depend_on_is_written_with_them(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 1}}])
    record(folder, home=home)
    assert (folder / LOCK_FILE).is_file()


def test_the_json_tells_every_difference(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 3}, "expected": {"twice": 7}}])
    body = record(folder, home=home).to_json()
    assert body["files"] == ["scenarios/all.jsonl", "scenarios/traces.jsonl"]
    (one,) = cast("list[dict[str, Any]]", body["scenarios"])
    assert (one["name"], one["change"], one["draft"], one["confirmed"]) == (
        "s0",
        "changed",
        False,
        False,
    )
    assert one["differences"][0]["expected"] == 7.0


@pytest.mark.parametrize(
    ("source", "path", "line"),
    [
        ("scenarios/a.json", "scenarios/a.json", 0),
        ("scenarios/a.jsonl:1", "scenarios/a.jsonl", 0),
        ("scenarios/a.jsonl:12", "scenarios/a.jsonl", 11),
        ("scenarios/a:1.json", "scenarios/a:1.json", 0),
        ("scenarios/a.jsonl:2.jsonl:3", "scenarios/a.jsonl:2.jsonl", 2),
        ("scenarios/t.csv", "scenarios/t.csv", 0),
    ],
)
def test_a_source_is_a_file_and_perhaps_a_line(source: str, path: str, line: int) -> None:
    rewrite = rewriting.Rewrite(source, None, confirm=True)
    assert (rewrite.path, rewrite.line) == (path, line)


def test_lines_that_end_as_on_windows_still_do(shop: Shop, home: Home) -> None:
    folder = shop()
    path = folder / "scenarios" / "lines.jsonl"
    path.write_bytes(LINES.replace("\n", "\r\n").encode())
    record(folder, home=home)
    lines = path.read_bytes().split(b"\r\n")
    assert len(lines) == 4
    assert json.loads(lines[0])["expected"] == {"twice": 2.0}
