import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.serving.routes.routes import live, pool

from ketch.errors import NotFound, Unavailable, UsageError
from ketch.serving.routes.plan import plan
from ketch.serving.routes.table import LiveRoute


def route(
    *, limited: int = 500_000, prod_fails: bool = False, limited_fails: bool = False
) -> LiveRoute:
    return LiveRoute(
        "shop",
        unit="shopper",
        rest=live("prod", pool("a", failing=prod_fails)),
        others=(live("limited", pool("b", failing=limited_fails), limited, "salt"),),
        before=live("before", pool("c")),
    )


def arms(shop: LiveRoute, *shoppers: object, **headers: str) -> list[str]:
    shares = plan(shop, [{"shopper": one} for one in shoppers], headers)
    found = [""] * len(shoppers)
    for share in shares:
        for row in share.rows:
            found[row] = share.arm.arm
    return found


@given(st.lists(st.sampled_from([f"s{n}" for n in range(20)]), min_size=1, max_size=50))
def test_a_row_is_answered_by_the_arm_of_its_unit_whoever_else_is_in_the_request(
    shoppers: list[str],
) -> None:
    shop = route()

    assert arms(shop, *shoppers) == [arms(shop, one)[0] for one in shoppers]


def test_every_row_has_exactly_one_share() -> None:
    shares = plan(route(), [{"shopper": f"s{n}"} for n in range(100)], {})

    assert sorted(row for share in shares for row in share.rows) == list(range(100))
    assert len(shares) == 2


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=30))
def test_each_unit_of_a_request_is_a_decision_of_its_own(shoppers: list[str]) -> None:
    found: dict[str | None, list[int]] = {}
    for share in plan(route(), [{"shopper": one} for one in shoppers], {}):
        for visit in share.visits:
            assert visit.unit not in found
            found[visit.unit] = [share.rows[row] for row in visit.rows]

    expected: dict[str, list[int]] = {}
    for row, shopper in enumerate(shoppers):
        expected.setdefault(shopper, []).append(row)
    assert found == expected


def test_a_number_and_its_text_are_the_same_unit() -> None:
    assert arms(route(), 12346) == arms(route(), "12346")


def test_a_header_names_the_unit_of_every_row() -> None:
    shop = route()
    expected = arms(shop, "eve")

    assert arms(shop, "x", "y", "z", **{"ketch-unit": "eve"}) == expected * 3


def test_a_unit_beyond_ascii_is_the_same_in_a_header_and_in_a_row() -> None:
    shop, header = route(), "Zoë".encode().decode("latin-1")  # as the connection reads it

    by_header = plan(shop, [{}], {"ketch-unit": header})
    by_row = plan(shop, [{"shopper": "Zoë"}], {})

    assert by_header == by_row


def test_whoever_says_nothing_of_a_unit_gets_the_rest() -> None:
    shares = plan(route(), [{}], {})

    assert [(share.arm.arm, share.why) for share in shares] == [("prod", "no-unit")]


def test_a_unit_that_is_neither_text_nor_integer_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        plan(route(), [{"shopper": "ana"}, {"shopper": [1]}], {})

    assert caught.value.code == "request/unit"
    assert caught.value.where == "rows[1].shopper"


def test_a_tester_chooses_an_arm() -> None:
    shares = plan(route(limited=0), [{"shopper": "ana"}], {"ketch-arm": "limited"})

    assert [(share.arm.arm, share.why) for share in shares] == [("limited", "forced")]


def test_an_arm_that_is_not_there_cannot_be_chosen() -> None:
    with pytest.raises(NotFound) as caught:
        plan(route(), [{"shopper": "ana"}], {"ketch-arm": "limitd"})

    assert caught.value.code == "request/arm"
    assert caught.value.hint == "did you mean `limited`?"


def test_the_one_arm_that_is_there_is_named() -> None:
    with pytest.raises(NotFound) as caught:
        plan(LiveRoute("shop", rest=live("direct", pool("a"))), [{}], {"ketch-arm": "prod"})

    assert caught.value.hint == "there is `direct`"


def test_units_of_an_arm_that_cannot_stay_up_are_answered_by_the_rest() -> None:
    shares = plan(route(limited=999_999, limited_fails=True), [{"shopper": "ana"}], {})

    assert [(share.arm.arm, share.why) for share in shares] == [("prod", "fallback")]


def test_where_prod_cannot_stay_up_the_package_before_it_answers() -> None:
    shares = plan(route(limited=0, prod_fails=True), [{"shopper": "ana"}], {})

    assert [(share.arm.arm, share.why) for share in shares] == [("before", "fallback")]


def test_where_nothing_can_stay_up_the_arm_itself_says_so() -> None:
    alone = LiveRoute("shop", rest=live("prod", pool("a", failing=True)))

    shares = plan(alone, [{}], {})

    assert [share.arm.arm for share in shares] == ["prod"]


def test_a_route_without_an_answer_says_what_to_do() -> None:
    with pytest.raises(NotFound, match="nothing answers"):
        plan(LiveRoute("shop"), [{}], {})


def test_a_route_whose_package_starts_says_so() -> None:
    starting = LiveRoute("shop", problems={"shop:1.0.0": "its workers are starting"})

    with pytest.raises(Unavailable) as caught:
        plan(starting, [{}], {})

    assert caught.value.code == "serve/starting"


def test_nothing_is_assigned_by_chance_under_the_staging_address() -> None:
    shop = LiveRoute("shop", unit="shopper", staging=live("staging", pool("d")))
    assert shop.staged is not None

    shares = plan(shop.staged, [{"shopper": "ana"}], {})

    assert [(share.arm.arm, share.why) for share in shares] == [("staging", "forced")]
