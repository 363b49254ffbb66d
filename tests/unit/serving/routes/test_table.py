from tests.unit.serving.routes.routes import arm, digest, live, pool

from ketch.serving.routes.table import STARTING, LiveRoute, settle
from ketch.serving.routes.wanted import WantedRoute

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


def test_a_route_is_the_same_in_a_newer_table_unless_its_package_was_chosen() -> None:
    older = LiveRoute("shop", rest=live("prod", A))
    newer = LiveRoute("shop", rest=live("prod", B))

    assert older.now({"shop": newer}) is newer
    assert older.now({}) is None
