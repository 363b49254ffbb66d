"""The Shapley value and its laws, against its definition and where mixtures do not exist."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import factorial, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.compare.explain.attribution import Mixture, attribute

NAMES = ("code", "model", "params", "environment")


def mixtures(names: tuple[str, ...] = NAMES) -> list[Mixture]:
    return [frozenset(some) for size in range(len(names) + 1) for some in combinations(names, size)]


def games() -> st.SearchStrategy[dict[Mixture, float]]:
    """Every mixture with the rows that it changes; nothing changes none."""
    values = st.tuples(*[st.integers(0, 1000) for _ in mixtures()])
    return values.map(
        lambda drawn: {
            mixture: float(value) if mixture else 0.0
            for mixture, value in zip(mixtures(), drawn, strict=True)
        }
    )


def by_definition(name: str, values: Mapping[Mixture, float]) -> float:
    """The formula of Shapley (1953), equation 13."""
    n = len(NAMES)
    return sum(
        factorial(len(one))
        * factorial(n - len(one) - 1)
        / factorial(n)
        * (values[one | {name}] - values[one])
        for one in mixtures()
        if name not in one
    )


@given(games())
def test_a_contribution_is_the_shapley_value_by_its_definition(
    values: dict[Mixture, float],
) -> None:
    found = attribute(NAMES, values)
    assert found.orders == factorial(len(NAMES))
    for name in NAMES:
        assert isclose(found.contributions[name], by_definition(name, values), abs_tol=1e-9)


@given(games(), st.sets(st.sampled_from(mixtures()[1:-1])))
def test_contributions_sum_to_the_whole_change_also_where_mixtures_are_missing(
    values: dict[Mixture, float], missing: set[Mixture]
) -> None:
    known = {mixture: value for mixture, value in values.items() if mixture not in missing}
    found = attribute(NAMES, known)
    assert isclose(sum(found.contributions.values()), values[frozenset(NAMES)], abs_tol=1e-9)


@given(games())
def test_components_that_change_alike_contribute_alike(values: dict[Mixture, float]) -> None:
    swap = {"code": "model", "model": "code"}
    alike = {
        one: values[one] + values[frozenset(swap.get(name, name) for name in one)] for one in values
    }
    parts = attribute(NAMES, alike).contributions
    assert isclose(parts["code"], parts["model"], abs_tol=1e-9)


@given(games())
def test_a_component_that_changes_nothing_contributes_nothing(
    values: dict[Mixture, float],
) -> None:
    without = {one: values[one - {"params"}] for one in values}
    assert isclose(attribute(NAMES, without).contributions["params"], 0.0, abs_tol=1e-9)


@given(games(), games())
def test_contributions_to_a_sum_are_sums_of_contributions(
    one: dict[Mixture, float], other: dict[Mixture, float]
) -> None:
    both = {mixture: one[mixture] + other[mixture] for mixture in one}
    parts = [attribute(NAMES, game).contributions for game in (one, other, both)]
    for name in NAMES:
        assert isclose(parts[0][name] + parts[1][name], parts[2][name], abs_tol=1e-9)


def test_orders_pass_through_existing_mixtures_alone() -> None:
    """The code of B needs its environment: there is one order, environment before code."""
    values = {frozenset[str](): 0.0, frozenset({"environment"}): 1.0}
    found = attribute(("code", "environment"), {**values, frozenset({"code", "environment"}): 4.0})
    assert dict(found.contributions) == {"code": 3.0, "environment": 1.0}
    assert found.orders == 1
    assert found.together == ()


def test_components_that_only_fit_each_other_share_equally_and_are_named() -> None:
    values = {
        frozenset[str](): 0.0,
        frozenset({"params"}): 2.0,
        frozenset({"code", "model"}): 4.0,
        frozenset({"code", "model", "params"}): 8.0,
    }
    found = attribute(("code", "model", "params"), values)
    assert dict(found.contributions) == {"code": 2.5, "model": 2.5, "params": 3.0}
    assert found.together == (("code", "model"),)


def test_no_change_has_no_shares() -> None:
    values = {frozenset[str](): 0.0, frozenset({"code"}): 0.0}
    assert attribute(("code",), values).shares() == {"code": 0.0}


def test_both_ends_must_be_known() -> None:
    with pytest.raises(ValueError, match="of all"):
        attribute(("code", "model"), {frozenset(): 0.0, frozenset({"code"}): 1.0})
