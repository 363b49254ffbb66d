"""The report of a verification as a person reads it, in a terminal, a log or a mail."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from tests.verification import report_of

from ketch.cli.fit import WIDTH
from ketch.cli.verification import difference_text, report_text
from ketch.package import Divergence
from ketch.schema import Difference
from ketch.verify import ProbeResult, Report, ScenarioResult

DIFFERENCE = Difference(0, "score", 0.5, 0.25, "expected `0.5`, found `0.25`, `0.2` away")
MOVED = Divergence("pipeline:features", "days_since", 1, 3, 4)


def failed(name: str = "bad", *differences: Difference, **more: object) -> ScenarioResult:
    return ScenarioResult(name, passed=False, differences=differences or (DIFFERENCE,), **more)  # type: ignore[arg-type] # the attributes of a result


def raised(message: str) -> Difference:
    return Difference(0, "", "an answer", message, message)


def lines(report: Report) -> list[str]:
    return report_text(report).splitlines()


def test_a_passing_report_counts() -> None:
    report = report_of(
        scenarios=(ScenarioResult("a", passed=True), ScenarioResult("b", passed=True)),
        probes=(ProbeResult("twice", passed=True), ProbeResult("batch", True, required=False)),
        metrics={"auc": 0.91234, "f1": 1.0},
    )
    assert lines(report)[1:] == [
        "✓ 2 of 2 scenarios answered as promised",
        "✓ 1 of 1 probes survived",
        "  metrics: auc 0.9123, f1 1",
        "  started in 500 ms, 1.0 ms a row, 20 MB",
        "✓ keeps its contract (1.5 s)",
    ]


def test_a_failing_report_names_scenario_row_field_values_step() -> None:
    report = report_of(scenarios=(failed("bad", DIFFERENCE, divergence=MOVED, compared=True),))
    assert lines(report)[1:5] == [
        "✗ 0 of 1 scenarios answered as promised",
        "  ✗ bad",
        "      row 0, `score`: expected `0.5`, found `0.25`",
        "✗ first moved at step `pipeline:features`, field `days_since`, row 1: expected `3`, found `4`",
    ]


def test_a_measure_of_a_whole_field_is_named() -> None:
    moved = Divergence("pipeline:features", "days", None, 3.0, 4.0, "mean")
    report = report_of(scenarios=(failed(divergence=moved, compared=True),))
    assert "field `days`, mean: expected `3.0`, found `4.0`" in report_text(report)


def test_without_an_earlier_run_no_step_is_said_to_have_moved_first() -> None:
    report = report_of(scenarios=(failed(divergence=MOVED),))
    assert "first moved" not in report_text(report)


def test_a_step_that_raised_is_not_named_twice() -> None:
    moved = Divergence("a:b", "", None, "an answer", "`KeyError`: 1")
    difference = raised("`KeyError`: 1 (at step `a:b`)")
    report = report_of(scenarios=(failed("bad", difference, divergence=moved, compared=True),))
    assert report_text(report).count("KeyError") == 1


def test_a_step_that_moved_before_the_one_that_raised_is_named() -> None:
    difference = raised("`KeyError`: 1 (at step `pipeline:run`)")
    report = report_of(scenarios=(failed("bad", difference, divergence=MOVED, compared=True),))
    assert "✗ first moved at step `pipeline:features`" in report_text(report)


def test_another_step_is_said_in_words() -> None:
    moved = Divergence("a:new", "", None, "step `a:old`", "step `a:new`")
    report = report_of(scenarios=(ScenarioResult("a", True, divergence=moved, compared=True),))
    assert (
        "  ! the answers agree, but first moved at step `a:new`: "
        "expected step `a:old`, found step `a:new`"
    ) in lines(report)


def test_a_divergence_that_changes_no_answer_is_a_note() -> None:
    kept = ScenarioResult("a", passed=True, divergence=MOVED, compared=True)
    report = report_of(scenarios=(kept,))
    assert report.passed
    assert "  ! the answers agree, but first moved at step `pipeline:features`" in report_text(
        report
    )


def test_a_licence_that_was_not_given_is_no_failure() -> None:
    probe = ProbeResult("same answer in any order", False, required=False, detail="row 0")
    text = report_text(report_of(probes=(probe,)))
    assert "  · same answer in any order: row 0" in text
    assert text.splitlines()[-1].startswith("✓")


def test_a_package_that_could_not_be_loaded_shows_its_traceback_and_no_tick() -> None:
    report = report_of(
        problem="`KeyError`: 1 (at `a:b`)",
        said="Traceback\n  File x\nKeyError: 1",
        scenarios=(ScenarioResult("one", passed=False, differences=(raised("-"),), asked=False),),
    )
    assert lines(report)[1:7] == [
        "✗ could not be verified: `KeyError`: 1 (at `a:b`)",
        "    Traceback",
        "      File x",
        "    KeyError: 1",
        "✗ 0 of 1 scenarios answered as promised",
        "  ✗ 1 scenario not asked: one",
    ]
    assert "✓" not in report_text(report)


def test_many_failures_are_counted_after_the_first_few() -> None:
    many = tuple(failed(f"s{at}", *[DIFFERENCE] * 7) for at in range(9))
    text = report_text(report_of(scenarios=many))
    assert text.count("  ✗ s") == 5
    assert "      … and 2 more differences" in text
    assert "  ✗ 4 scenarios failed, too: s5, s6, s7, s8" in text


@pytest.mark.parametrize("length", [30, 400, 40_000])
def test_every_line_fits_whatever_is_said(length: int) -> None:
    words, block = "word " * (length // 5), "x" * length
    report = report_of(
        problem=words,
        said=block,
        scenarios=(
            failed(block, Difference(0, "f" * 100, [block], [words], "expected …")),
            failed("b", Difference(0, "f", 1, 2, f"the items differ: {words}")),
            failed("c", raised(block), said=block, divergence=MOVED, compared=True),
            failed(
                "d",
                divergence=Divergence("a:b", "f" * 128, 1, {"k": block}, {"k": block + "y"}),
                compared=True,
            ),
        ),
        probes=(
            ProbeResult("p", False, detail=words, hint=words),
            ProbeResult("q", False, detail=block, hint=block),
        ),
        metrics={block: 1.0, "b": 2.0},
        notes=(words, block),
    )
    text = report_text(report)
    assert max(map(cell_len, text.splitlines())) <= WIDTH
    assert len(text.splitlines()) < 80


def test_a_long_probe_message_keeps_its_field_and_its_step() -> None:
    detail = f"`price` = `-1`: `ValueError`: {'why ' * 100}(at step `pipeline:run`)"
    text = report_text(report_of(probes=(ProbeResult("extreme value", False, detail=detail),)))
    told = [line for line in text.splitlines() if "why" in line]
    assert told[0].startswith("  ✗ extreme value: `price` = `-1`: `ValueError`: why")
    assert told[-1].endswith("(at step `pipeline:run`)")
    assert len(told) <= 3


def test_nothing_that_package_code_says_moves_the_cursor_or_colours_the_screen() -> None:
    evil = "\x1b[31m\x9b2J\u202e\r\x07"
    report = report_of(
        problem=evil,
        said=evil,
        scenarios=(
            failed("bad", Difference(0, "s", evil, evil + "x", "expected"), said=evil),
            failed("c", raised(evil)),
            failed("d", divergence=Divergence(evil, evil, 0, evil, 1), compared=True),
        ),
        probes=(ProbeResult("p", False, detail=evil),),
        metrics={evil: 1.0},
        notes=(evil,),
    )
    assert all(c.isprintable() or c == "\n" for c in report_text(report))


def test_long_values_are_shortened_around_the_difference() -> None:
    same = ["same"] * 40
    difference = Difference(2, "items", [*same, "old"], [*same, "new"], "expected …")
    told = difference_text(difference, indent=6).splitlines()
    assert told[0] == "row 2, `items`:"
    assert told[1].startswith("        expected …")
    assert told[1].endswith('"old"]`')
    assert told[2].endswith('"new"]`')


def test_what_a_comparison_says_for_itself_is_told_as_it_is() -> None:
    said = Difference(0, "items", ["a"], ["b"], "the items differ: 1 missing, such as `a`")
    assert difference_text(said) == "row 0, `items`: the items differ: 1 missing, such as `a`"
