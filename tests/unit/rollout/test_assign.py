from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.rollout import BUCKETS, Assignment, Claim, Layer, Split, bucket, rollout_id
from ketch.rollout.assign import FORCED, NO_UNIT, OUTSIDE, UNIT, WHOLE

UNITS = [f"shopper-{index}" for index in range(20_000)]
SALTS = st.text(min_size=1, max_size=12)
SHARES = st.integers(0, WHOLE)

VECTORS = [
    ("salt", "ana", 655301),
    ("salt", "ben", 714970),
    ("3f1c", "ana", 636674),
    ("", "", 1048167),
    ("3f1c", "Žofie", 967669),
    ("3f1c", "42", 131616),
    ("a\x1fb", "c", 921070),
    ("a", "b\x1fc", 921070),
]


def split(share: int, held: int = 0, *, salt: str = "rollout") -> Split:
    held_out = Claim("baseline", held, "route") if held else None
    return Split("prod", held_out, Claim("limited", share, salt))


def arms(split: Split) -> Counter[str]:
    return Counter(split.assign(unit).arm for unit in UNITS)


def chi_squared(seen: Counter[int], cells: int) -> float:
    """Return the statistic against equal cells."""
    expected = seen.total() / cells
    return sum((seen[cell] - expected) ** 2 / expected for cell in range(cells))


class TestBucket:
    @pytest.mark.parametrize(("salt", "unit", "expected"), VECTORS)
    def test_vectors_are_the_same_in_every_version(
        self, salt: str, unit: str, expected: int
    ) -> None:
        assert bucket(salt, unit) == expected

    @given(SALTS, st.text())
    def test_a_bucket_is_one_of_two_to_the_twentieth(self, salt: str, unit: str) -> None:
        assert 0 <= bucket(salt, unit) < BUCKETS

    def test_units_fall_evenly(self) -> None:
        """χ² with 255 degrees of freedom: beyond 330.5 once in a thousand."""
        seen = Counter(bucket("salt", unit) * 256 // BUCKETS for unit in UNITS)
        assert chi_squared(seen, 256) < 330.5

    def test_two_salts_are_independent(self) -> None:
        """χ² of all 256 pairs of sixteenths, 255 degrees of freedom, as above."""
        seen = Counter(
            (bucket("one", unit) * 16 // BUCKETS) * 16 + bucket("two", unit) * 16 // BUCKETS
            for unit in UNITS
        )
        assert chi_squared(seen, 256) < 330.5

    def test_names_that_count_up_fall_evenly_too(self) -> None:
        seen = Counter(bucket("salt", str(number)) * 100 // BUCKETS for number in range(20_000))
        assert chi_squared(seen, 100) < 148.3


class TestShares:
    @pytest.mark.parametrize(
        ("share", "held"), [(100_000, 0), (100_000, 50_000), (500_000, 200_000)]
    )
    def test_each_arm_answers_its_share_of_all_units(self, share: int, held: int) -> None:
        seen = arms(split(share, held))
        for arm, part in (("limited", share), ("baseline", held)):
            p = part / WHOLE
            spread = 4 * math.sqrt(len(UNITS) * p * (1 - p)) if p else 0
            assert abs(seen[arm] - p * len(UNITS)) <= spread

    @given(SALTS, SHARES, SHARES, st.integers(0, 500_000))
    def test_a_growing_share_takes_the_arm_from_nobody(
        self, salt: str, one: int, other: int, held: int
    ) -> None:
        low, high = (min(share, WHOLE - held) for share in sorted((one, other)))
        before, after = split(low, held, salt=salt), split(high, held, salt=salt)
        for unit in UNITS[:50]:
            if before.assign(unit).arm == "limited":
                assert after.assign(unit).arm == "limited"
            if after.assign(unit).arm == "prod":
                assert before.assign(unit).arm == "prod"

    @given(SALTS, SHARES)
    def test_the_held_out_stay_so_whatever_is_rolled_out(self, salt: str, share: int) -> None:
        held = {unit for unit in UNITS[:200] if split(0, 100_000).assign(unit).arm == "baseline"}
        now = split(min(share, 900_000), 100_000, salt=salt)
        assert {unit for unit in UNITS[:200] if now.assign(unit).arm == "baseline"} == held

    @given(st.text(min_size=1))
    def test_the_whole_and_nothing_are_exact(self, unit: str) -> None:
        assert split(WHOLE).assign(unit).arm == "limited"
        assert split(0).assign(unit).arm == "prod"
        assert split(WHOLE - 1, 1).assign(unit).arm in ("limited", "baseline")

    @given(st.integers(0, WHOLE - 1))
    def test_every_millionth_moves_the_border(self, share: int) -> None:
        assert split(share)._limited_end < split(share + 1)._limited_end

    def test_more_than_there_is_is_refused(self) -> None:
        with pytest.raises(ValueError, match="beside 100000"):
            split(900_001, 100_000)
        with pytest.raises(ValueError, match="millionths"):
            Claim("limited", WHOLE + 1, "salt")

    def test_shares_are_told_in_one_line(self) -> None:
        assert split(100_000, 50_000).shares == "baseline=50000 limited=100000 prod=850000"
        assert Split("prod").shares == "prod=1000000"
        layered = replace(split(100_000), layer=Layer("layer", 0, 250_000))
        assert layered.shares == "limited=100000 prod=900000 layer=250000"


class TestWhy:
    def test_a_unit_is_assigned_for_good(self) -> None:
        one = split(500_000)
        assert {one.assign("ana") for _ in range(3)} == {Assignment("prod", UNIT)}
        assert Split("prod").assign("ana") == ("prod", UNIT)

    @pytest.mark.parametrize("unit", [None, ""])
    def test_nobody_gets_the_rest_and_does_not_count(self, unit: str | None) -> None:
        assert split(WHOLE).assign(unit) == ("prod", NO_UNIT)

    def test_a_tester_gets_what_is_asked_for_and_does_not_count(self) -> None:
        assert split(0).assign("ana", forced="limited") == ("limited", FORCED)
        assert split(0).assign(None, forced="baseline") == ("baseline", FORCED)


class TestLayers:
    @given(SALTS)
    def test_rollouts_with_other_parts_of_a_layer_share_no_unit(self, salt: str) -> None:
        one = replace(split(400_000), layer=Layer(salt, 0, 500_000))
        other = replace(split(500_000, salt="two"), layer=Layer(salt, 500_000, WHOLE))
        for unit in UNITS[:200]:
            both = (one.assign(unit), other.assign(unit))
            assert sum(arm == "limited" for arm, _ in both) <= 1
            assert sum(why == OUTSIDE for _, why in both) == 1

    def test_the_share_is_of_all_units_all_the_same(self) -> None:
        seen = arms(replace(split(200_000), layer=Layer("layer", 250_000, 750_000)))
        assert abs(seen["limited"] - 4000) < 4 * math.sqrt(20_000 * 0.2 * 0.8)

    def test_a_layer_that_is_too_small_is_refused(self) -> None:
        with pytest.raises(ValueError, match="together"):
            replace(split(300_000), layer=Layer("layer", 0, 250_000))
        with pytest.raises(ValueError, match="part"):
            Layer("layer", 5, 5)

    def test_rollouts_without_layers_do_not_disturb_each_other(self) -> None:
        """Units of one rollout are spread over the arms of the other as all units are."""
        one, two = split(500_000, salt="one"), split(500_000, salt="two")
        both = Counter((one.assign(unit).arm, two.assign(unit).arm) for unit in UNITS)
        for count in both.values():
            assert abs(count - 5000) < 4 * math.sqrt(20_000 * 0.25 * 0.75)


@given(st.integers(0, 500_000), st.integers(0, 200_000), st.integers(500_000, 1_000_000))
def test_shares_tell_how_likely_each_arm_was_exactly(held: int, share: int, width: int) -> None:
    """As decisions record them, long after the salts are forgotten."""
    layer = None if width == 1_000_000 else Layer("layer", 1_000_000 - width, 1_000_000)
    if share * 1_000_000 > (1_000_000 - held) * width:
        return
    baseline = Claim("baseline", held, "h") if held else None
    split = Split("prod", baseline, Claim("limited", share, "l"), layer)

    read = Split.told(split.shares)

    assert read.probability == split.probability
    assert read.held_out_probability == split.held_out_probability
    assert read.shares == split.shares


def test_a_rollout_is_another_one_with_another_salt_or_package_on_either_side() -> None:
    names = [("s", "a", "b"), ("t", "a", "b"), ("s", "c", "b"), ("s", "a", "c"), ("s", "b", "a")]
    assert len({rollout_id(*one) for one in names}) == len(names)
    assert rollout_id("s", "a", "b") == rollout_id("s", "a", "b")
