from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.decisions import ORIGIN
from tests.unit.monitor.profiles.conftest import NOW, ROUTE, Log, whole

from ketch.monitor.profiles import Window, merged, windows
from ketch.monitor.profiles import gathering as fields
from ketch.monitor.profiles.gathering import Fields
from ketch.monitor.profiles.window import FieldProfile

HOUR = NOW.replace(minute=0)


def field(*values: object) -> FieldProfile:
    """Return the profile of rows with one field of these values."""
    gathered = Fields("input")
    gathered.add([{"x": value} for value in values])
    return {one.name: one for one in gathered.finish()}["x"]


@pytest.mark.parametrize("state", ["hot", "sealed"])
def test_a_window_says_what_each_field_held(folder: Path, log: Log, state: str) -> None:
    pays = [1.5, 2.5, None, 4.0, 2.5]
    rows = [{"pay": pay, "kind": "ab"[i % 2], "id": 10**15 + i} for i, pay in enumerate(pays)]
    log(rows, sealed=state == "sealed", outputs={"ok": True, "items": ["p", "q", "p"]})
    (window,) = whole(folder)
    assert (window.route, window.package, window.digest) == (ROUTE, ORIGIN.package, ORIGIN.digest)
    assert (window.start, window.end) == (HOUR, HOUR + timedelta(hours=1))
    assert (window.decisions, window.rows, window.left_out) == (5, 5, 0)
    pay = window.field("pay")
    assert (pay.rows, pay.missing, pay.missing_share) == (5, 1, 0.2)
    assert (pay.column.type, pay.column.count, pay.column.nulls) == ("float64", 4, 1)
    assert (pay.column.min, pay.column.max, pay.column.total) == (1.5, 4.0, 10.5)
    assert pay.column.quantiles([0, 1]) == (1.5, 4.0)
    kind = window.field("kind")
    assert kind.column.frequent is not None
    assert kind.column.frequent.counts == {"a": 3, "b": 2}
    identity = window.field("id").column
    assert (identity.type, identity.min, identity.total) == ("int64", 10**15, 5 * 10**15 + 10)
    items = window.field("items", "output")
    assert (items.column.type, items.column.count) == ("list<string>", 15)
    assert items.column.top(1) == (("p", 10),)
    assert items.lengths is not None
    assert items.lengths.mean == 3
    assert Window.from_json(msgspec.json.decode(msgspec.json.encode(window.to_json()))) == window


@pytest.mark.parametrize(
    ("values", "kind", "count", "missing", "other"),
    [
        ([1, 2, None], "int64", 2, 1, 0),
        ([1, 2.5], "float64", 2, 0, 0),
        ([10**400, 3], "int64", 1, 0, 0),
        ([True, False], "bool", 2, 0, 0),
        (["a", "b", 1], "string", 2, 0, 1),
        ([1, 2, "a", True], "int64", 2, 0, 2),
        (["2026-11-23", "2026-11-24T10:00:00.5+02:00"], "timestamp[us, UTC]", 2, 0, 0),
        (["2026-11-23", "2026-13-45"], "string", 2, 0, 0),
        (["2026-11-23", ""], "string", 2, 0, 0),
        ([[1, None], [], None], "list<int64>", 1, 1, 0),
        ([[[1, 2], [3]], [[4]]], "list<int64>", 4, 0, 0),
        ([[]], "list<null>", 0, 0, 0),
        ([None], "null", 0, 1, 0),
        ([{"y": 1}], "struct", 1, 0, 0),
    ],
)
def test_what_a_field_is_its_values_say(
    values: list[Any], kind: str, count: int, missing: int, other: int
) -> None:
    found = field(*values)
    assert (found.column.type, found.column.count) == (kind, count)
    assert (found.rows, found.missing, found.other_type) == (len(values), missing, other)


def test_times_have_a_range_and_texts_have_lengths() -> None:
    times = field("2026-11-23T10:00:00+02:00", "2026-11-23", "2026-11-23T09:59:59.250Z")
    assert (times.column.min, times.column.max) == (
        "2026-11-23T00:00:00Z",
        "2026-11-23T09:59:59.250Z",
    )
    assert times.lengths is None
    texts = field("a", "bcd", "")
    assert texts.lengths is not None
    assert (texts.lengths.min, texts.lengths.max, texts.lengths.total) == (0, 3, 4)


def test_members_of_structs_are_fields_also_in_lists() -> None:
    gathered = Fields("output")
    gathered.add([{"items": [{"id": "p", "price": 2.5}, {"id": "q"}]}, {"items": []}, {}])
    found = {one.name: one for one in gathered.finish()}
    assert set(found) == {"items", "items.id", "items.price"}
    assert (found["items"].rows, found["items"].missing) == (3, 1)
    assert found["items"].lengths is not None
    assert found["items"].lengths.total == 2
    assert (found["items.price"].rows, found["items.price"].missing) == (2, 1)


def test_of_personal_data_only_counts_are_known(folder: Path, log: Log) -> None:
    origin = replace(ORIGIN, personal_inputs=frozenset({"name"}))
    rows = [{"name": "Ana Novak", "note": "keyed:0123456789abcdef"}, {"name": None, "note": "x"}]
    log(rows, origin=origin, sealed=True)
    (window,) = whole(folder)
    name = window.field("name")
    assert name.is_personal
    assert (name.rows, name.missing, name.column.count) == (2, 1, 1)
    assert name.column == name.column.without_values()
    assert (name.values, name.lengths) == (None, None)
    assert not window.field("note").is_personal  # a caller may write such a text, but not all do


def test_failures_and_shadows_are_not_in_it(folder: Path, log: Log) -> None:
    log([{"x": 1}])
    log([{"x": 2}], error="schema/type", status=400)
    log([{"x": 3}], why="shadow", shadow_of="0" * 32)
    (window,) = whole(folder)
    assert (window.decisions, window.field("x").column.total) == (1, 1)


def test_a_decision_of_many_rows_counts_each_row(folder: Path, log: Log) -> None:
    log([[{"x": 1}, {"x": 2}, {"x": 5}]], outputs=[{"y": 1}, {"y": 0}, {"y": 0}], rows=3)
    (window,) = whole(folder)
    assert (window.decisions, window.rows, window.field("x").rows) == (1, 3, 3)
    assert window.field("y", "output").column.total == 1


def test_hours_packages_and_routes_lie_apart(folder: Path, log: Log) -> None:
    second = replace(ORIGIN, package="recommender:1.1", digest="sha256:" + "cd" * 32)
    for hours in range(7):  # more than are gathered in one reading
        log([{"x": hours}], at=NOW - timedelta(hours=hours))
    log([{"x": 50}], origin=second)
    log([{"x": 90}], origin=replace(ORIGIN, route="another"), sealed=True)
    found = whole(folder)
    assert [(one.start.hour, one.field("x").column.total) for one in found] == [
        *((12 - hours, hours) for hours in reversed(range(7))),
        (12, 50),
    ]
    for name in (second.package, second.digest):
        (alone,) = windows([folder], ROUTE, NOW, NOW + timedelta(hours=1), name)
        assert alone.digest == second.digest
    some = windows([folder], ROUTE, NOW - timedelta(hours=2), HOUR, ORIGIN.package)
    assert [one.start.hour for one in some] == [10, 11]  # whole hours that it touches


def test_what_is_hot_counts_when_asked(folder: Path, log: Log) -> None:
    log([{"x": 1}], sealed=True)
    log([{"x": 10}])
    assert [one.field("x").column.total for one in whole(folder)] == [11]
    assert [one.field("x").column.total for one in whole(folder, hot=False)] == [1]


def test_the_hours_of_several_gateways_are_one(folder: Path, log: Log, tmp_path: Path) -> None:
    log([{"x": 1}, {"x": 2}], sealed=True)
    log([{"x": 5}], to=tmp_path / "other")
    logs = [folder, tmp_path / "other", tmp_path / "none"]
    (window,) = windows(logs, ROUTE, HOUR, NOW)
    assert (window.decisions, window.field("x").column.total) == (3, 8)


def test_fields_beyond_the_most_are_counted_and_left_out(
    folder: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "MOST_FIELDS", 3)
    log([{f"x{i}": i for i in range(5)}])
    (window,) = whole(folder)
    assert [one.name for one in window.fields] == ["x0", "x1", "x2", "score"]
    assert window.left_out == 2


class TestAddedUp:
    def test_hours_are_the_profile_of_all_their_rows(self) -> None:
        draw = np.random.default_rng(7)
        rows = [
            {"pay": float(pay), "kind": str(kind), **({"rare": 1} if kind > 4 else {})}
            for pay, kind in zip(
                draw.lognormal(3, 1, 24_000), draw.integers(0, 6, 24_000), strict=True
            )
        ]
        for row in rows[:1000]:
            row["pay"] = round(row["pay"])  # type: ignore[call-overload]
        at_once = _window(rows, HOUR)
        hourly = [_window(rows[i::24], HOUR + timedelta(hours=i)) for i in range(24)]
        hourly.append(_window([{"pay": 7, "kind": "0"}], HOUR))
        at_once = merged([at_once, _window([{"pay": 7, "kind": "0"}], HOUR)])
        found = merged(hourly)
        assert (found.rows, found.end - found.start) == (24_001, timedelta(hours=24))
        for one, other in zip(found.fields, at_once.fields, strict=True):
            assert (one.rows, one.missing, one.column.type) == (
                other.rows,
                other.missing,
                other.column.type,
            )
            assert (one.values, one.column.frequent) == (other.values, other.column.frequent)
            assert (one.column.min, one.column.max) == (other.column.min, other.column.max)
        pay = found.field("pay").column
        assert pay.total == pytest.approx(at_once.field("pay").column.total)
        exact = np.sort([row["pay"] for row in rows])
        ranks = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
        for rank, value in zip(ranks, pay.quantiles(ranks), strict=True):
            assert abs(np.searchsorted(exact, value) / len(exact) - rank) < 0.01
        assert pay.distinct == pytest.approx(len(set(exact)), rel=0.05)

    def test_a_field_that_an_hour_lacks_is_missing_there(self) -> None:
        one = _window([{"x": 1}] * 4, HOUR)
        other = _window([{"y": "a"}] * 6, HOUR + timedelta(hours=1))
        for both in (merged([one, other]), merged([other, one])):
            assert (both.field("x").rows, both.field("x").missing) == (10, 6)
            assert both.field("x").column.nulls == 6
            assert both.field("x").column.top(1) == ((1, 4),)

    def test_values_count_as_kinds_when_enough_hours_have_them(self) -> None:
        hours = [
            _window([{"x": "abc"[i]} for i in range(3)], HOUR + timedelta(hours=hour))
            for hour in range(2)
        ]
        assert hours[0].field("x").column.frequent is None
        assert merged(hours).field("x").column.top(3) == (("a", 2), ("b", 2), ("c", 2))
        settled = merged([one.settled() for one in hours])
        assert settled.field("x").column.frequent is None  # what did not repeat was forgotten

    def test_of_two_kinds_the_more_frequent_stays(self) -> None:
        found = merged([_window([{"x": "a"}] * 3, HOUR), _window([{"x": 1}, {"x": 2}], HOUR)])
        assert (found.field("x").column.type, found.field("x").other_type) == ("string", 2)

    def test_of_two_packages_the_digest_is_empty(self) -> None:
        one = _window([{"x": 1}], HOUR)
        found = merged([one, replace(one, package="p:2", digest="b")])
        assert (found.package, found.digest) == ("p:1 + p:2", "")

    def test_nothing_is_no_window(self) -> None:
        with pytest.raises(ValueError, match="found none"):
            merged([])


def _window(rows: list[dict[str, Any]], start: datetime) -> Window:
    gathered = Fields("input")
    gathered.add(rows)
    end = start + timedelta(hours=1)
    return Window("r", "p:1", "a", start, end, len(rows), len(rows), gathered.finish())
