"""What a notebook holds, as the JSON form that the schema reads."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from ketch.errors import UsageError
from ketch.runtime.python_values import PythonRows
from ketch.schema import Decoder, parse_fields

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=1)))
STRUCT = "struct<a: date32, b: int64?>"


class Size(enum.IntEnum):
    SMALL = 1


class Colour(enum.StrEnum):
    RED = "red"


class Shade(str, enum.Enum):  # noqa: UP042 # as code older than StrEnum writes it
    DARK = "dark"


def read(declared: str, value: object) -> object:
    """Return the value of a field in JSON form, as it is before the schema checks it."""
    fields, findings = parse_fields({"x": declared}, "inputs")
    assert findings == ()
    [row] = PythonRows(fields).read([{"x": value}])
    assert isinstance(row, dict)
    return row["x"]


def codes(declared: str, value: object) -> list[str]:
    """Return what the schema says about a Python value."""
    fields, _ = parse_fields({"x": {"type": declared, "nullable": True}}, "inputs")
    _, findings = Decoder(fields).decode(PythonRows(fields).read([{"x": value}]))
    return [finding.code for finding in findings]


@pytest.mark.parametrize(
    ("declared", "value", "expected"),
    [
        ("string", None, None),
        ("bool", True, True),
        ("int64", Size.SMALL, 1),
        ("string", Colour.RED, "red"),
        ("string", Shade.DARK, "dark"),
        ("timestamp[us, UTC]", NOON, "2026-01-01T11:00:00+00:00"),
        ("timestamp[us]", NOON.replace(tzinfo=None), "2026-01-01T12:00:00"),
        ("date32", dt.date(2026, 1, 1), "2026-01-01"),
        ("binary", b"\x00\xff", "AP8="),
        ("binary", bytearray(b"\x00\xff"), "AP8="),
        ("binary", memoryview(b"\x00\xff"), "AP8="),
        ("list<float64>", (1, 2.5), [1, 2.5]),
        ("list<binary>", [b"\x00\xff"], ["AP8="]),
        (STRUCT, {"a": NOON.date(), "b": Size.SMALL}, {"a": "2026-01-01", "b": 1}),
        ("list<int64>", range(3), [0, 1, 2]),
        ("int64", Decimal(3), 3),
        ("int64", Decimal("3E+2"), 300),
        ("float64", Decimal("1.10"), 1.1),
        ("int64", Decimal("3.0"), 3.0),
    ],
)
def test_python_values_become_json_form(declared: str, value: object, expected: object) -> None:
    found = read(declared, value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("declared", "make", "expected"),
    [
        ("int64", lambda: np.int64(2**53 + 1), 2**53 + 1),
        ("int64", lambda: np.uint8(255), 255),
        ("float64", lambda: np.float64(0.5), 0.5),
        ("float64", lambda: np.float32(0.5), 0.5),
        ("float64", lambda: np.array(0.5), 0.5),
        ("bool", lambda: np.bool_(True), True),
        ("string", lambda: np.str_("a"), "a"),
        ("list<int64>", lambda: np.array([1, 2]), [1, 2]),
        ("tensor<int64, [-1, 2]>", lambda: np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        ("tensor<float32, [2]>", lambda: np.array([0.5, 1], "float32"), [0.5, 1.0]),
        ("tensor<float32, [1, 2]>", lambda: [np.array([0.5, 1])], [[0.5, 1.0]]),
        (
            "timestamp[ns]",
            lambda: np.datetime64("2026-01-01T00:00:00.000000001"),
            "2026-01-01T00:00:00.000000001",
        ),
        ("date32", lambda: np.datetime64("2026-01-01"), "2026-01-01"),
        ("date32", lambda: np.datetime64("NaT"), None),
        (
            "list<date32>",
            lambda: np.array(["2026-01-01", "NaT"], "datetime64[D]"),
            ["2026-01-01", None],
        ),
        (
            "list<timestamp[ns]>",
            lambda: np.array([0], "datetime64[ns]"),
            ["1970-01-01T00:00:00.000000000"],
        ),
    ],
)
def test_numpy_values_become_plain_ones(
    declared: str, make: Callable[[], object], expected: object
) -> None:
    found = read(declared, make())
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("declared", "make"),
    [
        ("string", lambda: b"text"),  # base64 would be another text
        ("string", lambda: np.bytes_(b"text")),
        ("string", lambda: NOON),
        ("string", NOON.date),
        ("string", NOON.time),
        ("string", lambda: Decimal("1.5")),
        ("int64", lambda: True),
        ("int64", lambda: np.float64(3.0)),
        ("int64", lambda: Decimal("3.0")),
        ("int64", lambda: Decimal("1E+1000000")),
        ("int64", lambda: dt.timedelta(seconds=1)),
        ("int64", lambda: np.timedelta64(10**9, "ns")),  # numpy writes it as a bare integer
        ("list<int64>", lambda: np.array([1], "timedelta64[ns]")),
        ("list<int64>", lambda: b"ab"),
        ("list<int64>", lambda: {1, 2}),
        ("list<int64>", lambda: np.array([1.0])),
        ("float64", lambda: np.longdouble("0.1")),
        ("float64", lambda: Decimal("NaN")),
        ("float64", lambda: 1j),
        ("float64", lambda: np.array([0.5])),
        ("binary", lambda: np.array([1, 2], "uint8")),
        ("date32", lambda: dt.datetime(2026, 1, 1)),  # noqa: DTZ001 # as it comes
        ("date32", lambda: np.datetime64("2026-01")),
        ("timestamp[us]", lambda: NOON),
        ("timestamp[us, UTC]", lambda: NOON.replace(tzinfo=None)),
        ("timestamp[us, UTC]", NOON.date),
        ("timestamp[us]", lambda: np.datetime64("2026-01-01T00:00:00.000000001")),
        (STRUCT, lambda: [NOON.date(), 1]),
        ("string", object),
    ],
)
def test_a_value_of_another_kind_is_refused(declared: str, make: Callable[[], object]) -> None:
    [code] = codes(declared, make())
    assert code.startswith("schema/")


def test_an_instant_keeps_its_moment_whatever_its_zone() -> None:
    """The offset of Paris was once one of minutes and seconds, which ISO 8601 cannot say."""
    then = dt.datetime(1890, 1, 1, tzinfo=ZoneInfo("Europe/Paris"))
    assert read("timestamp[us, UTC]", then) == "1889-12-31T23:50:39+00:00"
    first = dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert codes("timestamp[us, UTC]", first) == ["schema/out-of-range"]


def test_what_is_no_row_is_left_for_the_schema_to_refuse() -> None:
    fields, _ = parse_fields({"x": "int64"}, "inputs")
    for rows in (["not a row"], [7], [None], [{"y": object()}]):
        assert PythonRows(fields).read(rows) == rows


@pytest.mark.parametrize("inputs", [7, None, "text", b"bytes", np.array([[1]])])
def test_what_holds_no_rows_is_refused_as_a_whole(inputs: object) -> None:
    """Each letter of a text would otherwise be told to be no row."""
    with pytest.raises(UsageError, match=f"found a Python `{type(inputs).__name__}`"):
        PythonRows(()).read(inputs)


def test_a_day_with_a_time_is_refused_with_what_python_does_about_it() -> None:
    fields, _ = parse_fields({"day": "date32", "x": "int64"}, "inputs")
    python = PythonRows(fields)
    moment = np.datetime64("2026-01-01T00:00:00.000000000")  # as pandas keeps days
    rows = [{"day": moment, "x": 1}, {"day": dt.date(2026, 1, 1), "x": "1"}]
    day, other = python.told(Decoder(fields).decode(python.read(rows))[1])
    assert "`frame['day'].dt.date`" in str(day.hint)
    assert ".dt.date" not in str(other.hint)


def test_an_array_is_refused_with_the_names_its_columns_need() -> None:
    fields, _ = parse_fields({f"x{n}": "int64" for n in range(8)}, "inputs")
    with pytest.raises(UsageError) as caught:
        PythonRows(fields).read(np.zeros((2, 8)))
    names = "'x0', 'x1', 'x2', 'x3', 'x4', 'x5', '…'"
    assert caught.value.hint == f"name the columns: `pandas.DataFrame(array, columns=[{names}])`"
