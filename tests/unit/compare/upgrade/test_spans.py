"""Which versions advisories speak of: the examples of the OSV schema, and the laws of spans."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ketch.compare.upgrade.spans import FIRST, Affected, Event, Range, free_spans

NUMBERS = st.integers(0, 9)


def events(*said: tuple[str, str]) -> Range:
    """Return a range of ``("introduced", "1.0")``, ``("fixed", …)`` and ``("last_affected", …)``."""
    made = [
        Event(
            (FIRST if version == "0" else Version(version), kind == "last_affected"),
            kind == "introduced",
        )
        for kind, version in said
        if kind != "limit"
    ]
    limits = tuple(Version(version) for kind, version in said if kind == "limit")
    return Range(tuple(made), limits)


INTRODUCED, FIXED, LAST, LIMIT = "introduced", "fixed", "last_affected", "limit"

# https://ossf.github.io/osv-schema/#examples and #evaluation
EXAMPLES = [
    ([events((INTRODUCED, "0"))], ["0", "1.0", "9.9"], []),
    (
        [events((INTRODUCED, "1.0.0"), (FIXED, "1.0.2"))],
        ["1.0.0", "1.0.1"],
        ["0.9", "1.0.2", "3.0"],
    ),
    (
        [events((INTRODUCED, "1.0.0"), (FIXED, "1.0.2"), (INTRODUCED, "3.0.0"), (FIXED, "3.2.5"))],
        ["1.0.1", "3.0.0", "3.2.4"],
        ["1.0.2", "2.9", "3.2.5"],
    ),
    (
        [
            events((INTRODUCED, "3.0.0"), (FIXED, "3.2.5")),
            events((INTRODUCED, "1.0.0"), (FIXED, "1.0.2")),
        ],
        ["1.0.0", "3.2.4"],
        ["0.1", "2.0", "4.0"],
    ),
    ([events((FIXED, "2.0"), (INTRODUCED, "0"))], ["0.1", "1.9.9"], ["2.0"]),
    ([events((INTRODUCED, "0"), (LAST, "2.1.214"))], ["2.1.214", "1.0"], ["2.1.215"]),
    ([events((INTRODUCED, "1.0"), (LIMIT, "2.0"))], ["1.0", "1.9"], ["0.9", "2.0"]),
]


@pytest.mark.parametrize(("ranges", "affected", "free"), EXAMPLES)
def test_versions_are_judged_as_the_schema_says(
    ranges: list[Range], affected: list[str], free: list[str]
) -> None:
    judged = Affected(tuple(ranges))
    assert [one for one in (*affected, *free) if judged.holds(Version(one))] == affected


def test_a_version_that_is_listed_is_affected_whatever_the_ranges_say() -> None:
    judged = Affected((events((INTRODUCED, "2.0")),), frozenset({Version("1.0")}))
    assert judged.holds(Version("1.0.0"))
    assert not judged.holds(Version("1.1"))


def test_a_build_of_a_version_is_judged_as_that_version() -> None:
    last = Affected((events((INTRODUCED, "0"), (LAST, "2.0")),))
    assert last.holds(Version("2.0+cpu"))
    assert not last.holds(Version("2.0.post1"))


def test_a_pre_release_is_before_its_release() -> None:
    fixed = Affected((events((INTRODUCED, "0"), (FIXED, "2.0")),))
    assert fixed.holds(Version("2.0rc1"))


def test_the_lowest_span_begins_where_no_advisory_holds_any_more() -> None:
    one = Affected((events((INTRODUCED, "0"), (FIXED, "1.5")),))
    other = Affected(
        (events((INTRODUCED, "1.4"), (FIXED, "1.7"), (INTRODUCED, "2.0"), (LAST, "2.2")),)
    )
    listed = Affected(versions=frozenset({Version("1.8")}))
    spans = free_spans(Version("1.0"), [one, other, listed])
    assert list(map(str, spans)) == [">=1.7,<2.0,!=1.8", ">2.2"]


def test_a_library_that_is_never_fixed_has_no_span() -> None:
    assert free_spans(Version("1.0"), [Affected((events((INTRODUCED, "0")),))]) == ()


@given(
    st.lists(st.lists(st.tuples(NUMBERS, st.sampled_from([INTRODUCED, FIXED, LAST])), max_size=4)),
    st.frozensets(NUMBERS, max_size=2),
    NUMBERS,
)
def test_spans_hold_exactly_the_later_versions_that_are_free(
    drawn: list[list[tuple[int, str]]], listed: frozenset[int], now: int
) -> None:
    ranges = tuple(events(*((kind, f"{number}.0") for number, kind in some)) for some in drawn)
    judged = Affected(ranges, frozenset(Version(f"{one}.0") for one in listed))
    spans = [SpecifierSet(str(one)) for one in free_spans(Version(f"{now}.0"), [judged])]
    for number in range(now, 10):
        for version in (Version(f"{number}.0"), Version(f"{number}.5")):
            assert any(version in one for one in spans) != judged.holds(version), version
