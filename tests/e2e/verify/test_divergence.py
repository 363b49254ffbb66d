"""A step changed on purpose is named: the first one, with field, expected and found."""

from __future__ import annotations

import pytest
from tests.e2e.verify.desk import Desk

from ketch.authoring import pack, record
from ketch.cli.verification import report_text
from ketch.verify import Report

pytestmark = pytest.mark.e2e

PIPELINE = """
def features(_, rows):
    return [{"n": row["x"], "half": row["x"] / 2, "label": f"item {row['x']}"} for row in rows]

def scale(_, rows):
    return [{"z": row["half"] * 3.0, "label": row["label"]} for row in rows]

def answer(_, rows):
    return [{"y": round(row["z"])} for row in rows]
"""
STEPS = ("pipeline:features", "pipeline:scale", "pipeline:answer")
SCENARIOS = [
    {
        "name": "many",
        "inputs": [{"x": x} for x in range(0, 80, 2)],
        "expected": [{"y": x * 3 // 2} for x in range(0, 80, 2)],
    }
]


def changed(desk: Desk, old: str, new: str, *, steps: tuple[str, ...] = STEPS) -> Report:
    """Pack the right package, change its code, and verify what has become of it."""
    desk.write(PIPELINE, SCENARIOS, steps=STEPS)
    assert pack(desk.folder, home=desk.home).verified
    assert old in PIPELINE
    desk.write(PIPELINE.replace(old, new), SCENARIOS, steps=steps)
    return desk.prove()


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        ('row["x"] / 2', 'row["x"] / 4', (0, "half", 1, 1.0, 0.5)),
        ('row["half"] * 3.0', 'row["half"] * 3.0 + 1', (1, "z", 0, 0.0, 1.0)),
        ('round(row["z"])', 'round(row["z"]) + 1', (2, "y", 0, 0, 1)),
        ('"n": row["x"]', '"m": row["x"]', (0, "n", None, "n", ["m"])),
        (
            "for row in rows]\n\ndef scale",
            "for row in rows[::-1]]\n\ndef scale",
            (0, "n", 0, 0, 78),
        ),
    ],
)
def test_the_first_step_that_moved_is_named_with_both_values(
    desk: Desk, old: str, new: str, moved: tuple[int, str, int | None, object, object]
) -> None:
    found = changed(desk, old, new).first_divergence
    assert found is not None
    at, *values = moved
    assert [found.step, found.field, found.row, found.expected, found.found] == [STEPS[at], *values]
    assert found.measure is None


def test_the_human_report_says_the_same_on_one_screen(desk: Desk) -> None:
    text = report_text(changed(desk, 'row["x"] / 2', 'row["x"] / 4'))
    assert "      row 1, `y`: expected `3`, found `2`" in text
    assert "      … and " in text
    assert (
        "✗ first moved at step `pipeline:features`, field `half`, row 1: expected `1.0`, found `0.5`"
        in text
    )


def test_a_change_that_a_later_step_trips_over_is_named_where_it_was_made(desk: Desk) -> None:
    report = changed(desk, 'row["x"] / 2', 'str(row["x"])')
    assert "can't multiply sequence" in report.scenarios[0].differences[0].message
    assert report.first_divergence is not None
    assert (report.first_divergence.step, report.first_divergence.field) == (STEPS[0], "half")


def test_a_change_after_the_first_values_is_seen_in_the_whole_field(desk: Desk) -> None:
    report = changed(desk, 'row["x"] / 2', 'row["x"] / 2 + (row["x"] > 70)')
    assert report.first_divergence is not None
    assert report.first_divergence.to_json() == {
        "step": STEPS[0],
        "field": "half",
        "row": None,
        "expected": 39.0,
        "found": 40.0,
        "measure": "max",
    }


def test_texts_that_differ_after_the_first_values_are_seen_too(desk: Desk) -> None:
    report = changed(desk, "f\"item {row['x']}\"", "f\"item {row['x']}{'!' * (row['x'] > 70)}\"")
    assert report.passed
    assert report.first_divergence is not None
    assert (report.first_divergence.field, report.first_divergence.measure) == ("label", "digest")


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        ('row["half"] * 3.0', 'row["half"] * 3.0 + 0.001', STEPS[1]),
        ('"n": row["x"]', '"n": row["x"] + 1', STEPS[0]),
        ('"label": row["label"]}', '"label": row["label"], "more": 1}', STEPS[1]),
    ],
)
def test_a_step_that_moved_inside_is_a_note_when_every_answer_is_kept(
    desk: Desk, old: str, new: str, step: str
) -> None:
    report = changed(desk, old, new)
    assert report.passed
    assert f"  ! the answers agree, but first moved at step `{step}`" in report_text(report)
    again = desk.json("verify", desk.folder)  # it is the same change the second time
    assert again["first_divergence"]["step"] == step
    assert again["passed"] is True


def test_the_last_digits_of_a_float_are_not_even_a_note(desk: Desk) -> None:
    report = changed(desk, 'row["half"] * 3.0', 'row["half"] * 3.0 * (1 + 1e-12)')
    assert report.passed
    assert report.first_divergence is None


@pytest.mark.parametrize(
    ("new", "steps", "expected", "found"),
    [
        (
            "def extract(",
            ("pipeline:extract", *STEPS[1:]),
            "step `pipeline:features`",
            "step `pipeline:extract`",
        ),
        (
            "def check(_, rows):\n    return rows\n\ndef features(",
            (STEPS[0], "pipeline:check", *STEPS[1:]),
            "step `pipeline:scale`",
            "step `pipeline:check`",
        ),
        (
            "def last(_, rows):\n    return rows\n\ndef features(",
            (*STEPS, "pipeline:last"),
            "no step",
            "step `pipeline:last`",
        ),
    ],
    ids=["renamed", "added inside", "added at the end"],
)
def test_steps_that_were_renamed_or_added_are_a_note_while_the_answers_agree(
    desk: Desk, new: str, steps: tuple[str, ...], expected: str, found: str
) -> None:
    report = changed(desk, "def features(", new, steps=steps)
    assert report.passed
    assert report.first_divergence is not None
    told = (report.first_divergence.expected, report.first_divergence.found)
    assert told == (expected, found)
    text = " ".join(report_text(report).split())
    assert f"expected {expected}" in text
    assert f"found {found}" in text


def test_a_step_that_was_removed_is_named_by_what_stands_in_its_place(desk: Desk) -> None:
    report = changed(
        desk, 'round(row["z"])', 'row.get("z", row.get("n"))', steps=(STEPS[0], STEPS[2])
    )
    assert not report.passed
    assert report.first_divergence is not None
    assert report.first_divergence.step == "pipeline:answer"
    assert report.first_divergence.expected == "step `pipeline:scale`"


def test_a_renamed_step_does_not_hide_the_one_that_moved(desk: Desk) -> None:
    old = "def features("
    new = "def extract("
    desk.write(PIPELINE, SCENARIOS, steps=STEPS)
    assert pack(desk.folder, home=desk.home).verified
    code = PIPELINE.replace(old, new).replace("* 3.0", "* 4.0")
    desk.write(code, SCENARIOS, steps=("pipeline:extract", *STEPS[1:]))
    moved = desk.prove().first_divergence
    assert moved is not None
    assert (moved.step, moved.field) == ("pipeline:scale", "z")


def test_traces_that_travel_in_the_folder_name_the_step_on_a_fresh_machine(desk: Desk) -> None:
    desk.write(PIPELINE, SCENARIOS, steps=STEPS)
    record(desk.folder, home=desk.home)
    code = desk.folder / "pipeline.py"
    code.write_text(PIPELINE.replace("* 3.0", "* 4.0"))
    moved = desk.prove().first_divergence  # nothing of this name was ever packed here
    assert moved is not None
    assert (moved.step, moved.row, moved.expected, moved.found) == ("pipeline:scale", 1, 3.0, 4.0)


def test_without_any_earlier_run_the_report_says_so_and_blames_no_step(desk: Desk) -> None:
    desk.write(PIPELINE.replace("* 3.0", "* 4.0"), SCENARIOS, steps=STEPS)
    text = report_text(desk.prove())
    assert "first moved" not in text
    assert "  ! no earlier run shows what each step returned; `ketch record` keeps that" in text


def test_the_best_reference_is_that_of_the_newest_version(desk: Desk) -> None:
    desk.write(PIPELINE.replace("* 3.0", "* 3.0 + 0.1"), SCENARIOS, steps=STEPS)
    toml = desk.folder / "ketch.toml"
    pack(desk.folder, home=desk.home)
    desk.write(PIPELINE, SCENARIOS, steps=STEPS)
    toml.write_text(toml.read_text().replace("1.0.0", "1.10.0"))
    pack(desk.folder, home=desk.home)
    desk.write(PIPELINE.replace("* 3.0", "* 3.0 + 0.2"), SCENARIOS, steps=STEPS)
    toml.write_text(toml.read_text().replace("1.0.0", "1.11.0"))
    moved = desk.prove().first_divergence
    assert moved is not None
    assert (moved.expected, moved.found) == (0.0, 0.2)
