import pytest

from ketch.tables.times import instant_text, time_text


@pytest.mark.parametrize(
    ("counted", "arrow", "text"),
    [
        (0, "timestamp[s]", "1970-01-01T00:00:00"),
        (-1, "timestamp[ms, UTC]", "1969-12-31T23:59:59.999Z"),
        (1, "timestamp[ns]", "1970-01-01T00:00:00.000000001"),
        (100_000, "timestamp[us, UTC]", "1970-01-01T00:00:00.100Z"),
        (-62_135_596_800, "timestamp[s, UTC]", "0001-01-01T00:00:00Z"),
        (-719_162, "date32", "0001-01-01"),
        (2**63 - 1, "timestamp[us]", None),
    ],
)
def test_counts_are_shown_as_iso_8601(counted: int, arrow: str, text: str | None) -> None:
    assert time_text(counted, arrow) == text


def test_a_day_as_an_instant_is_its_midnight_in_utc() -> None:
    assert instant_text(1, "date32") == "1970-01-02T00:00:00Z"
