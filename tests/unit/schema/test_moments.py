import pytest

from ketch.schema import Timestamp
from ketch.schema.moments import read_date, read_timestamp
from ketch.schema.problems import Wrong

INSTANT = Timestamp("us", "UTC")
LOCAL = Timestamp("us")


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        ("2024-02-29T23:59:59Z", "2024-02-29T23:59:59Z"),
        ("2024-02-29t23:59:59z", "2024-02-29T23:59:59Z"),
        ("2024-02-29 23:59Z", "2024-02-29T23:59:00Z"),
        ("2024-01-01T00:00:00+05:30", "2023-12-31T18:30:00Z"),
        ("2024-01-01T00:00:00-0800", "2024-01-01T08:00:00Z"),
        ("2024-01-01T00:00:00-00:00", "2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00.500Z"),
        ("2024-01-01T00:00:00.1234Z", "2024-01-01T00:00:00.123400Z"),
        ("2024-01-01T00:00:00.000000000Z", "2024-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ],
)
def test_an_instant_has_one_text(written: str, normal: str) -> None:
    assert read_timestamp(written, INSTANT)[0] == normal


def test_nanoseconds_are_kept() -> None:
    text = "2024-01-01T00:00:00.123456789Z"
    assert read_timestamp(text, Timestamp("ns", "UTC")) == (text, 1_704_067_200_123_456_789)


@pytest.mark.parametrize(
    ("written", "t", "code"),
    [
        ("2024-01-01T00:00:00", INSTANT, "schema/bad-timestamp"),
        ("2024-01-01T00:00:00Z", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01T24:00:00", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01T23:59:60", LOCAL, "schema/bad-timestamp"),
        ("2024-13-01T00:00:00", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01T00:00.5", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01T00:00:00+24:00", INSTANT, "schema/bad-timestamp"),
        ("2024-01-01T00:00:00 UTC", INSTANT, "schema/bad-timestamp"),
        ("٢٠٢٤-01-01T00:00:00", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01T00:00:00\n", LOCAL, "schema/bad-timestamp"),
        ("2024-01-01T00:00:00.1234567", LOCAL, "schema/precision"),
        ("0001-01-01T00:00:00+00:01", INSTANT, "schema/out-of-range"),
        ("9999-12-31T23:59:59-00:01", INSTANT, "schema/out-of-range"),
        ("1500-01-01T00:00:00", Timestamp("ns"), "schema/out-of-range"),
    ],
)
def test_what_is_no_timestamp_of_the_type_is_refused(written: str, t: Timestamp, code: str) -> None:
    with pytest.raises(Wrong) as raised:
        read_timestamp(written, t)
    assert raised.value.problems[0].code == code


def test_a_day_that_does_not_exist_is_refused() -> None:
    assert read_date("2024-02-29") == "2024-02-29"
    with pytest.raises(Wrong):
        read_date("2023-02-29")
