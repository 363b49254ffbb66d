from dataclasses import dataclass
from typing import cast

from tests.contracts import contract
from tests.unit.serving.routes.routes import Standing, answering, arm, digest, live, pool

from ketch.registry import Arm, Place, Route, Share
from ketch.rollout import Layer, rollout_id
from ketch.serving.contract import Contract
from ketch.serving.routes.table import STARTING, LiveArm, LiveRoute, settle
from ketch.serving.routes.wanted import WantedRoute
from ketch.serving.workers import Pool

A, B, C = (pool(name) for name in "abc")


def test_what_runs_is_served_as_it_is_wanted() -> None:
    route = WantedRoute(
        "shop", 4, "shopper", arm("prod", "a"), (arm("limited", "b", 5, "s"),), arm("staging", "c")
    )

    found = settle(route, None, {digest("a"): A, digest("b"): B, digest("c"): C}, {})

    assert found == LiveRoute(
        "shop",
        4,
        "shopper",
        live("prod", A),
        (live("limited", B, 5, "s"),),
        live("staging", C),
        wanted=route,
    )


def test_until_a_new_package_runs_the_old_one_answers() -> None:
    before = LiveRoute("shop", rest=live("prod", A))

    found = settle(WantedRoute("shop", 2, rest=arm("prod", "b")), before, {digest("a"): A}, {})

    assert found.rest == live("prod", A)
    assert found.problems == {"shop:1.0.0": STARTING}


def test_a_package_that_cannot_be_started_changes_nothing_and_is_told() -> None:
    before = LiveRoute("shop", rest=live("prod", A))
    why = {digest("b"): "its scenario `one` fails"}

    found = settle(WantedRoute("shop", 2, rest=arm("prod", "b")), before, {digest("a"): A}, why)

    assert found.rest == live("prod", A)
    assert found.problems == {"shop:1.0.0": "its scenario `one` fails"}


def test_units_of_a_package_that_does_not_run_yet_are_answered_by_the_rest() -> None:
    route = WantedRoute("shop", rest=arm("prod", "a"), others=(arm("limited", "b", 5, "s"),))

    found = settle(route, None, {digest("a"): A}, {})

    assert found.arms == (live("prod", A),)
    assert found.split is not None
    assert found.split.limited is None


def test_a_rollout_touches_no_unit_outside_its_layer() -> None:
    layer = Layer("layer", 200_000, 600_000)
    prod = Arm(Place.PROD, "shop:1.0.0", digest("a"), Share(800_000))
    limited = Arm(Place.LIMITED, "shop:1.1.0", digest("b"), Share(200_000), "salt", layer)
    route = WantedRoute.of(Route("shop", arms=(prod, limited)))
    kept = WantedRoute.from_json(route.to_json())

    split = settle(kept, None, {digest("a"): A, digest("b"): B}, {}).split

    assert split is not None
    assert split.shares == "limited=200000 prod=800000 layer=400000"
    units = [str(number) for number in range(400)]
    for unit in units:
        assert (split.assign(unit).why == "outside") == (not layer.holds(unit))
    assert 40 < sum(split.assign(unit).arm == "limited" for unit in units) < 120


def test_a_route_that_never_had_a_package_has_none_until_one_runs() -> None:
    found = settle(WantedRoute("shop", rest=arm("prod", "a")), None, {}, {})

    assert found.rest is None
    assert found.contract is None


def test_a_package_that_left_a_route_no_longer_answers_there() -> None:
    before = LiveRoute("shop", rest=live("prod", A), others=(live("limited", B, 5, "s"),))

    found = settle(
        WantedRoute("shop", rest=arm("prod", "a")), before, {digest("a"): A, digest("b"): B}, {}
    )

    assert found.others == ()


def test_the_package_before_is_at_hand() -> None:
    route = WantedRoute("shop", rest=arm("prod", "a"), before=arm("before", "b"))

    found = settle(route, None, {digest("a"): A, digest("b"): B}, {})

    assert found.before == live("before", B)


def test_that_the_package_before_does_not_run_is_no_problem_of_the_route() -> None:
    route = WantedRoute("shop", rest=arm("prod", "a"), before=arm("before", "b"))

    assert settle(route, None, {digest("a"): A}, {}).problems == {}


def test_where_prod_cannot_be_started_at_all_the_package_before_it_answers() -> None:
    route = WantedRoute("shop", rest=arm("prod", "a"), before=arm("before", "b"))

    starting = settle(route, None, {digest("b"): B}, {})
    failed = settle(route, None, {digest("b"): B}, {digest("a"): "its scenario `one` fails"})

    assert starting.rest is None
    assert failed.rest == live("before", B)
    assert failed.problems == {"shop:1.0.0": "its scenario `one` fails"}


def test_a_route_on_which_nothing_ought_to_answer_keeps_no_gateway_from_being_ready() -> None:
    """A first package at staging must not take every other route off a load balancer."""
    staged = WantedRoute("shop", staging=arm("staging", "c"))
    promoted = WantedRoute("shop", rest=arm("prod", "a"))

    assert settle(staged, None, {}, {}).is_ready
    assert settle(staged, None, {digest("c"): C}, {}).is_ready
    assert not settle(promoted, None, {}, {}).is_ready
    assert settle(promoted, None, {digest("a"): A}, {}).is_ready


def test_the_two_sides_of_a_rollout_say_which_one_it_is_and_nobody_else_does() -> None:
    old, new, held, next_one = (answering(letter) for letter in "abcd")
    limited, rest = live("limited", new, 5, "s"), live("prod", old)
    others = (live("baseline", held, 7, "h"), limited)
    route = LiveRoute("shop", rest=rest, others=others, staging=live("staging", next_one))

    found = {arm.arm: origin.rollout for arm, origin in route.origins.items()}

    name = rollout_id("s", new.contract.digest, old.contract.digest)
    assert found == {"prod": name, "limited": name, "baseline": "", "staging": ""}
    assert route.origins[rest].shares == "baseline=7 limited=5 prod=999988"


def test_there_is_no_rollout_where_nothing_or_not_prod_answers_the_rest() -> None:
    old, new = answering("a"), answering("b")
    limited = live("limited", new, 5, "s")
    alone = LiveRoute("shop", rest=live("prod", old))
    fallen = LiveRoute("shop", rest=live("before", old), others=(limited,))

    for route in (alone, fallen):
        assert {origin.rollout for origin in route.origins.values()} == {""}


def test_a_route_is_the_same_in_a_newer_table_unless_its_package_was_chosen() -> None:
    older = LiveRoute("shop", rest=live("prod", A))
    newer = LiveRoute("shop", rest=live("prod", B))

    assert older.now({"shop": newer}) is newer
    assert older.now({}) is None


@dataclass(eq=False)
class Promising(Standing):
    """A pool that says what its package promises."""

    contract: Contract | None = None


def promising(name: str, **inputs: object) -> LiveArm:
    return live(name, cast("Pool", Promising(name, contract=contract(inputs))), 100_000, "salt")


def test_rows_are_read_at_once_where_every_package_finds_the_same_in_them() -> None:
    """A whole number is one of `int64`, and a float to another package: as it was sent, no more."""
    prod = promising("prod", shopper="string", size="float64")
    same = promising("limited", shopper="string", size="float64")
    other = promising("staging", shopper="string", size="int64")

    assert LiveRoute("shop", unit="shopper", rest=prod, others=(same,)).quick is not None
    assert LiveRoute("shop", unit="shopper", rest=prod, staging=other).quick is None
    assert LiveRoute("shop", unit="size", rest=prod).quick is None, "it is no unit"
    assert LiveRoute("shop", rest=promising("prod", day="date32")).quick is None
    assert LiveRoute("shop").quick is None


def test_what_one_package_of_a_route_calls_personal_is_hashed_in_the_decisions_of_all() -> None:
    """A candidate that forgot to say so is asked the same rows, also as a shadow copy."""
    prod = promising("prod", email={"type": "string", "pii": True}, size="int64")
    others = (promising("limited", email="string", size="int64"),)
    staging = promising("staging", email="string", phone={"type": "string", "pii": True})

    route = LiveRoute("shop", rest=prod, others=others, staging=staging)

    hashed = [origin.personal_inputs for origin in route.origins.values()]
    assert hashed == [frozenset({"email", "phone"})] * 3
