"""Shares: exact, and readable both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import UsageError
from ketch.registry.share import ALL, NONE, WHOLE, Share, rest_of


@given(st.integers(0, WHOLE))
def test_a_share_parses_what_it_prints(millionths: int) -> None:
    share = Share(millionths)
    assert Share.parse(str(share)) == share


@pytest.mark.parametrize(
    ("text", "millionths"),
    [("10%", 100_000), ("10 %", 100_000), ("0.1", 100_000), ("12.5%", 125_000), ("1", WHOLE)],
)
def test_people_write_percent_or_a_fraction(text: str, millionths: int) -> None:
    assert Share.parse(text) == Share(millionths)


@pytest.mark.parametrize(
    "text", ["", "101%", "1.1", "-1%", "ten", "10%%", "1e-3", "nan", "\u0661%"]
)
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="expected a share"):
        Share.parse(text)


@given(st.lists(st.integers(0, WHOLE // 5), max_size=5))
def test_shares_and_the_rest_are_one_whole(taken: list[int]) -> None:
    shares = [Share(each) for each in taken]
    assert sum(each.millionths for each in shares) + rest_of(*shares).millionths == WHOLE
    assert (NONE.fraction, ALL.fraction) == (0.0, 1.0)
