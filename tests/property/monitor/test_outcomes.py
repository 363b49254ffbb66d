"""Outcomes come late, twice, in any order, by several tellers: the table is the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.monitor.outcomes.columns import Columns

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
DECISION = "0195f1f0a1b2712389abcdef01234567"
TEXTS = st.text("ab1é ", min_size=1, max_size=3)
TIMES = st.integers(0, 3).map(lambda seconds: BEGAN + timedelta(seconds=seconds))
NAMES = st.sampled_from(["buy", "click"])
VALUES = st.floats(allow_nan=False, allow_infinity=False)
LABELS = st.none() | st.lists(TEXTS, max_size=2)
OF_UNITS = st.builds(
    lambda name, at, unit, value, label: Outcome("shop", name, at, None, value, label, unit=unit),
    *(NAMES, TIMES, TEXTS, VALUES, LABELS),
)
OF_DECISIONS = st.builds(
    lambda name, at, n, value: Outcome(
        "shop", name, at, None, value, decision=f"{DECISION[:-1]}{n}"
    ),
    *(NAMES, TIMES, st.integers(0, 9), VALUES),
)
WITH_KEYS = st.builds(
    lambda name, at, key, value: Outcome("shop", name, at, key, value, unit="ana"),
    *(NAMES, TIMES, TEXTS, VALUES),
)


def identity(one: Outcome) -> tuple[object, ...]:
    return one.name, one.key or one.decision or (one.unit, one.at)


def table(found: Columns) -> list[list[object]]:
    names = ("name", "key", "at", "value", "label", "moment", "tail", "unit")
    return [getattr(found, name).tolist() for name in names]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outcomes")


@given(
    st.lists(OF_UNITS | OF_DECISIONS | WITH_KEYS, unique_by=identity, min_size=1, max_size=12),
    st.data(),
)
def test_outcomes_in_any_order_and_twice_are_one_table(
    folder: Path, events: list[Outcome], data: st.DataObject
) -> None:
    twice = [*events, *data.draw(st.lists(st.sampled_from(events), max_size=8))]
    order = data.draw(st.permutations(twice))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=3)))
    pieces = [order[a:b] for a, b in zip([0, *cuts], [*cuts, len(order)], strict=True)]
    often, once = (f"route-{token_hex(8)}" for _ in range(2))
    with Outcomes(folder) as first, Outcomes(folder) as second:
        told = [
            (first, second)[n % 2].record(replace(one, route=often) for one in piece)
            for n, piece in enumerate(pieces)
        ]
        first.record(replace(one, route=once) for one in events)
        assert table(second.of_route(once)) == table(second.of_route(often))
    assert sum(one.new for one in told) == len(events)
    assert sum(one.known for one in told) == len(twice) - len(events)
