from datetime import UTC, datetime

import pytest

from ketch.cli.times import instant
from ketch.errors import UsageError

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        ("2026-03-01T12:30", "2026-03-01T12:30:00+00:00"),
        ("2026-03-01T12:30+02:00", "2026-03-01T10:30:00+00:00"),
        ("90s", "2026-03-03T11:58:30+00:00"),
        ("7d", "2026-02-24T12:00:00+00:00"),
    ],
)
def test_a_time_is_an_instant_a_day_or_how_long_ago(text: str, meant: str) -> None:
    assert instant(text, now=NOW).isoformat() == meant


def test_a_day_that_ends_something_means_all_of_it() -> None:
    assert instant("2026-03-01", ends=True) > instant("2026-03-01T23:59")


@pytest.mark.parametrize("text", ["yesterday", "7x", "-7d", "999999w", "2026-13-01", ""])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a time such as"):
        instant(text, now=NOW)
