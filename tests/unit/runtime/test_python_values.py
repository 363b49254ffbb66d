"""What a notebook holds, as the JSON form that the schema reads."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable

import numpy as np
import pytest

from ketch.runtime.python_values import to_json_form, to_rows

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1)))


class Size(enum.IntEnum):
    SMALL = 1


class Colour(enum.StrEnum):
    RED = "red"


class Shade(str, enum.Enum):  # noqa: UP042 # as code older than StrEnum writes it
    DARK = "dark"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (Size.SMALL, 1),
        (Colour.RED, "red"),
        (Shade.DARK, "dark"),
        (NOON, "2026-01-01T12:00:00+01:00"),
        (dt.date(2026, 1, 1), "2026-01-01"),
        (b"\x00\xff", "AP8="),
        ((1, [2.5]), [1, [2.5]]),
        ({"a": {"b": NOON.date()}}, {"a": {"b": "2026-01-01"}}),
        (range(3), [0, 1, 2]),
    ],
)
def test_python_values_become_json_form(value: object, expected: object) -> None:
    found = to_json_form(value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: np.int64(2**53 + 1), 2**53 + 1),
        (lambda: np.uint8(255), 255),
        (lambda: np.float64(0.5), 0.5),
        (lambda: np.float32(0.5), 0.5),
        (lambda: np.bool_(True), True),
        (lambda: np.str_("a"), "a"),
        (lambda: np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (lambda: np.datetime64("2026-01-01T00:00:00.000000001"), "2026-01-01T00:00:00.000000001"),
        (lambda: np.array(["2026-01-01", "NaT"], "datetime64[D]"), ["2026-01-01", None]),
    ],
)
def test_numpy_values_become_plain_ones(make: Callable[[], object], expected: object) -> None:
    found = to_json_form(make())
    assert (type(found), found) == (type(expected), expected)


def test_a_duration_is_never_mistaken_for_a_number() -> None:
    """numpy writes one of nanoseconds as a bare integer."""
    second = np.timedelta64(10**9, "ns")
    assert to_json_form(second) is second


def test_what_has_no_json_form_is_left_for_the_schema_to_refuse() -> None:
    value = object()
    for rows in ([{"x": value}], ["not a row"], [7]):
        assert list[object](to_rows(rows)) == rows
    assert list[object](to_rows(7)) == [7]
