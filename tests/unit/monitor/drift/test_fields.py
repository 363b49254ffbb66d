"""What counts as drift: more than chance, and more than a trifle."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.monitor.drift.profiled import Columns, drift, drifted, live, profile, trained

import ketch.demo
from ketch.monitor.drift.looking import compared
from ketch.monitor.drift.reference import of_column, previous
from ketch.monitor.drift.value import Measure

SALES = Path(ketch.demo.__file__).parent / "data" / "lines.parquet"
FIELDS = ("quantity", "price", "country", "customer_id", "stock_code", "hour", "weekday")


@cache
def sales() -> list[tuple[object, ...]]:
    """Return 40,000 lines of the shop's invoices."""
    rows = (
        duckdb.connect()
        .execute(
            "SELECT quantity, price, country, customer_id, stock_code, hour(invoice_date), "
            f"dayname(invoice_date) FROM '{SALES}' WHERE invoice % 10 = 3"
        )
        .fetchall()
    )
    return rows[:40_000]


def columns(rows: list[tuple[object, ...]]) -> Columns:
    return {name: [row[at] for row in rows] for at, name in enumerate(FIELDS)}


def numbers(mean: float, count: int, seed: int = 1) -> list[float]:
    chance = Random(seed)
    return [chance.gauss(mean, 1) for _ in range(count)]


def test_shuffled_halves_of_real_sales_do_not_drift() -> None:
    """In the long run at most 1 look in 100 may say so."""
    rows, chance = list(sales()), Random(11)
    alarms = 0
    for _ in range(40):
        chance.shuffle(rows)
        alarms += bool(drifted(columns(rows[:1_500]), columns(rows[1_500:3_000])))
    assert alarms <= 1


def test_shoppers_who_ask_often_are_no_crowd_of_witnesses() -> None:
    """Halves of the customers, not of the lines: without counting them once, most looks alarm."""
    by_customer: dict[object, list[tuple[object, ...]]] = {}
    for row in sales():
        by_customer.setdefault(row[3], []).append(row)
    customers, chance = list(by_customer), Random(4)
    naive = honest = 0
    for _ in range(12):
        chance.shuffle(customers)
        halves = [
            [row for one in some for row in by_customer[one]]
            for some in (customers[: len(customers) // 2], customers[len(customers) // 2 :])
        ]
        before, after = (
            {name: one for name, one in columns(half).items() if name != "customer_id"}
            for half in halves
        )
        repeats = [
            sum(n * n for n in Counter(row[3] for row in half).values()) / len(half)
            for half in halves
        ]
        references = {key: replace(one, repeats=repeats[0]) for key, one in trained(before).items()}
        fields, _ = compared(live(after), references, repeats[1])
        naive += bool(drifted(before, after))
        honest += any(one.drifted for one in fields)
    assert naive >= 9
    assert honest == 0


def test_what_changed_is_found_and_named() -> None:
    was: Columns = {
        "amount": numbers(0, 4_000),
        "colour": ["red", "blue"] * 2_000,
        "note": [None if at % 500 == 0 else "x" for at in range(4_000)],
        "steady": numbers(0, 4_000, 5),
    }
    now: Columns = {
        "amount": numbers(0.4, 3_000, 2),
        "colour": ["red", "blue", "red", "green"] * 750,
        "note": [None if at % 20 == 0 else "x" for at in range(3_000)],
        "steady": numbers(0, 3_000, 6),
    }
    found = drift(was, now)
    assert {name for name, one in found.items() if one.drifted} == {"amount", "colour", "note"}
    assert found["amount"].main.measure is Measure.KS
    assert found["colour"].main.measure is Measure.UNSEEN
    assert "`green`" in found["colour"].main.says
    assert (found["note"].main.measure, found["note"].main.says) == (
        Measure.MISSING,
        "missing 0.2 % → 5.0 %",
    )


def test_a_value_that_surely_moved_a_little_proves_nothing_of_another() -> None:
    """One rare value is new for sure, by 2 %; a common one lies 6 % off in 300 rows by chance."""
    was = ["a"] * 4_990 + ["b"] * 5_010
    now = ["a"] * 168 + ["b"] * 126 + ["c"] * 6
    found = drift({"x": was}, {"x": now})["x"]
    assert [one.measure for one in found.tests if one.drifted] == [Measure.UNSEEN]


def test_a_trifle_is_no_drift_however_sure_it_is() -> None:
    was, now = ["a", "b"] * 30_000, (["a"] * 53 + ["b"] * 47) * 600
    found = drift({"x": was}, {"x": now})["x"]
    assert found.main.is_sure
    assert not found.drifted


def test_a_few_rows_prove_nothing() -> None:
    assert not drifted({"x": numbers(0, 4_000)}, {"x": numbers(0.5, 20, 2)})
    assert drift({"x": numbers(0, 4_000)}, {"x": numbers(0.5, 20, 2)})["x"].noise > 0.3


@pytest.mark.parametrize("repeats", [1.0, 20.0])
def test_values_that_were_few_and_are_countless_drift(repeats: float) -> None:
    was = ["red", "blue"] * 1_000
    now = [f"#{at:06x}" for at in range(2_000)]
    found = drift({"colour": was}, {"colour": now}, repeats)["colour"]
    assert found.drifted
    assert found.main.measure is Measure.UNSEEN


def test_zero_and_one_are_false_and_true() -> None:
    assert not drifted({"bought": [0, 1] * 500}, {"bought": [False, True] * 500})
    assert drifted({"bought": [0, 1] * 500}, {"bought": [False, True, True, True] * 250})


def test_other_kinds_of_values_are_not_compared() -> None:
    fields, why = compared(
        live({"x": ["a", "b"] * 50, "y": [1, 2]}), trained({"x": [1, 2] * 50}), 1
    )
    assert fields == []
    assert why == {
        "x": "it holds texts, and its reference numbers",
        "y": "nothing is known of it from before",
    }


def test_values_of_another_type_drift() -> None:
    window = live({"x": numbers(0, 1_000)}, {"x": 80})
    fields, _ = compared(window, trained({"x": numbers(0, 1_000, 2)}), 1)
    assert [one.main.measure for one in fields if one.drifted] == [Measure.OTHER_TYPE]


def test_as_many_values_of_another_type_as_before_do_not_drift() -> None:
    """A list may even hold several of them for each row."""
    before = previous(live({"x": numbers(0, 1_000, 2)}, {"x": 2_500}), 1)
    fields, _ = compared(live({"x": numbers(0, 1_000)}, {"x": 2_500}), before, 1)
    assert not any(one.drifted for one in fields)
    fields, _ = compared(live({"x": numbers(0, 1_000)}), before, 1)
    assert [one.main.measure for one in fields if one.drifted] == [Measure.OTHER_TYPE]


@pytest.mark.parametrize("empty", ["reference", "live"])
def test_a_field_without_any_value_is_missing_and_no_more(empty: str) -> None:
    nothing, something = [None] * 500, numbers(0, 500)
    sides = (nothing, something) if empty == "reference" else (something, nothing)
    found = drift({"x": sides[0]}, {"x": sides[1]})["x"]
    assert found.main.measure is Measure.MISSING
    assert found.drifted


def test_times_are_only_looked_at_for_what_is_missing() -> None:
    column = replace(profile("at", ["x"] * 10), type="timestamp[us, UTC]", frequent=None)
    reference = of_column(column, 10)
    window = live({"at": ["x"] * 10})
    fields = (replace(window.fields[0], column=column),)
    found, why = compared(replace(window, fields=fields), {("input", "at"): reference}, 1)
    assert not why
    assert found[0].is_shallow


values = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(-1e9, 1e9)), min_size=1, max_size=60),
    st.lists(st.one_of(st.none(), st.sampled_from("abcde")), min_size=1, max_size=60),
    st.lists(st.booleans(), min_size=1, max_size=60),
    st.lists(st.integers(-5, 5), min_size=1, max_size=60),
)


@given(values)
@settings(deadline=None)
def test_a_window_held_against_itself_never_drifts(values: list[object]) -> None:
    found = drift({"x": values}, {"x": values})
    assert not any(one.drifted for one in found.values())
    assert all(one.main.value == pytest.approx(0, abs=1e-9) for one in found.values())
