"""The first place where two traces of the same inputs part."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ketch.package.divergence import first_divergence
from ketch.package.trace import FieldTrace, StepTrace


def field(name: str, *head: float | None, digest: str = "a", mean: float = 1.0) -> FieldTrace:
    return FieldTrace(name, "float64", len(head), 0, digest, 0.0, 9.0, mean, head)


FEATURES = StepTrace("pipeline:features", 2, (field("days_since", 1.0, 2.0), field("views", 3.0)))
PREDICT = StepTrace("pipeline:predict", 2, (field("value", 0.5, 0.25),))


def test_equal_traces_do_not_part() -> None:
    assert first_divergence([FEATURES, PREDICT], [FEATURES, PREDICT]) is None


def test_the_first_step_and_field_and_row_that_moved_is_named() -> None:
    moved = replace(
        FEATURES, fields=(field("days_since", 1.0, 7.0, digest="b"), FEATURES.fields[1])
    )
    later = replace(PREDICT, fields=(field("value", 9.0, 9.0, digest="b"),))
    divergence = first_divergence([FEATURES, PREDICT], [moved, later])
    assert divergence is not None
    assert (divergence.step, divergence.field, divergence.row) == (
        "pipeline:features",
        "days_since",
        1,
    )
    assert (divergence.expected, divergence.found) == (2.0, 7.0)


def test_the_last_digits_of_a_float_are_no_divergence() -> None:
    close = replace(
        FEATURES, fields=(field("days_since", 1.0 + 1e-12, 2.0, digest="b"), FEATURES.fields[1])
    )
    assert first_divergence([FEATURES], [close]) is None


def test_a_change_beyond_the_first_values_shows_in_the_summary() -> None:
    moved = replace(
        FEATURES, fields=(field("days_since", 1.0, 2.0, digest="b", mean=1.5), FEATURES.fields[1])
    )
    divergence = first_divergence([FEATURES], [moved])
    assert divergence is not None
    assert divergence.row is None
    assert (divergence.expected, divergence.found) == (1.0, 1.5)


def test_a_renamed_field_is_named_with_the_new_one() -> None:
    renamed = replace(FEATURES, fields=(field("age_days", 1.0, 2.0), FEATURES.fields[1]))
    divergence = first_divergence([FEATURES], [renamed])
    assert divergence is not None
    assert (divergence.field, divergence.found) == ("days_since", ["age_days"])


def told(reference: list[StepTrace], found: list[StepTrace]) -> tuple[str, object, object]:
    divergence = first_divergence(reference, found)
    assert divergence is not None
    return divergence.step, divergence.expected, divergence.found


CHECK = StepTrace("pipeline:check", 2, FEATURES.fields)


def test_a_step_that_was_added_or_removed_is_named_with_the_one_in_its_place() -> None:
    added = [FEATURES, CHECK, PREDICT]
    right = [FEATURES, PREDICT]
    assert told(right, added) == (
        "pipeline:check",
        "step `pipeline:predict`",
        "step `pipeline:check`",
    )
    assert told(added, right) == (
        "pipeline:predict",
        "step `pipeline:check`",
        "step `pipeline:predict`",
    )
    assert told(right, [*right, CHECK]) == ("pipeline:check", "no step", "step `pipeline:check`")
    assert told([*right, CHECK], right) == ("pipeline:check", "step `pipeline:check`", "no step")


def test_a_step_that_was_renamed_is_told_unless_something_else_moved() -> None:
    score = replace(PREDICT, step="pipeline:score")
    assert told([FEATURES, PREDICT], [FEATURES, score]) == (
        "pipeline:score",
        "step `pipeline:predict`",
        "step `pipeline:score`",
    )
    other = replace(FEATURES, step="pipeline:extract")
    moved = replace(PREDICT, fields=(field("value", 0.5, 0.75, digest="b"),))
    assert told([FEATURES, PREDICT], [other, moved]) == ("pipeline:predict", 0.25, 0.75)


def test_a_step_that_returns_a_field_more_is_a_divergence() -> None:
    more = replace(FEATURES, fields=(*FEATURES.fields, field("age", 1.0)))
    divergence = first_divergence([FEATURES], [more])
    assert divergence is not None
    assert (divergence.field, divergence.expected, divergence.found) == ("age", None, [1.0])


def test_a_divergence_of_a_whole_field_says_what_of_it_differs() -> None:
    moved = replace(PREDICT, fields=(field("value", 0.5, 0.25, digest="b", mean=1.5),))
    divergence = first_divergence([PREDICT], [moved])
    assert divergence is not None
    assert (divergence.measure, divergence.to_json()["measure"]) == ("mean", "mean")


@pytest.mark.parametrize(
    ("dtype", "head", "differs"),
    [
        ("str", ("a", "b"), True),
        ("object", ("a", None), True),
        ("int64", (1, 2), True),
        ("int|str", (1, "a"), True),
        ("list", (["a", 1], []), True),
        ("float64", (1, 2), False),
        ("float|int", (1, 2), False),
        ("list", ([0.5], []), False),
        ("object", ({"a": 1},), False),
        ("Tensor", ("tensor(…)",), False),
    ],
)
def test_only_what_holds_no_floats_must_have_the_same_digest(
    dtype: str, head: tuple[object, ...], *, differs: bool
) -> None:
    """Beyond the first values: another processor rounds floats otherwise, and nothing else."""
    one = FieldTrace("f", dtype, 40, 0, "a", None, None, None, head)
    other = replace(one, digest="b")
    steps = [StepTrace("a:b", 40, (each,)) for each in (one, other)]
    divergence = first_divergence(steps[:1], steps[1:])
    assert (divergence is not None) is differs
    assert divergence is None or divergence.measure == "digest"
