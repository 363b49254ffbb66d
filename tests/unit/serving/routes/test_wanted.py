from pathlib import Path

from tests.unit.serving.routes.routes import arm, digest

from ketch.registry import Arm, Place, Policy, Route, Share
from ketch.serving.routes.saved import Saved
from ketch.serving.routes.wanted import WantedRoute, wanted


def placed(place: Place, letter: str, percent: str = "0%", salt: str | None = None) -> Arm:
    return Arm(place, "shop:1.0.0", digest(letter), Share.parse(percent), salt)


def test_prod_answers_the_rest() -> None:
    arms = (placed(Place.PROD, "a", "90%"), placed(Place.LIMITED, "b", "10%", "s"))

    route = WantedRoute.of(Route("shop", 7, Policy(unit="shopper"), arms))

    assert route == WantedRoute(
        "shop", 7, "shopper", arm("prod", "a", 900_000), (arm("limited", "b", 100_000, "s"),)
    )


def test_the_baseline_answers_the_rest_where_nothing_is_in_prod() -> None:
    arms = (placed(Place.BASELINE, "c", "90%"), placed(Place.LIMITED, "b", "10%", "s"))

    route = WantedRoute.of(Route("shop", arms=arms))

    assert route.rest == arm("baseline", "c", 900_000)
    assert route.others == (arm("limited", "b", 100_000, "s"),)


def test_the_package_that_held_prod_before_is_kept_running() -> None:
    line = (("shop:0.9.0", digest("e")), ("shop:1.0.0", digest("a")))

    route = WantedRoute.of(Route("shop", arms=(placed(Place.PROD, "a", "100%"),), line=line))

    assert route.before == arm("before", "e", version="0.9.0")


def test_a_package_that_came_back_is_not_kept_running_as_the_one_before_itself() -> None:
    a = ("shop:1.0.0", digest("a"))

    route = WantedRoute.of(Route("shop", arms=(placed(Place.PROD, "a", "100%"),), line=(a, a)))

    assert route.before is None


def test_a_staging_machine_serves_what_stands_at_staging_and_nothing_else() -> None:
    first = Route("shop", arms=(placed(Place.PROD, "a", "100%"), placed(Place.STAGING, "b")))
    second = Route("bare", arms=(placed(Place.PROD, "c", "100%"),))

    assert wanted([first, second], staging=True) == (WantedRoute("shop", rest=arm("staging", "b")),)


def test_a_route_without_packages_is_not_served() -> None:
    assert wanted([Route("empty")]) == ()


def test_what_is_written_down_is_read_as_it_was(tmp_path: Path) -> None:
    routes = (
        WantedRoute(
            "shop",
            3,
            "shopper",
            arm("prod", "a"),
            (arm("limited", "b", 5, "s"),),
            arm("staging", "c"),
            arm("before", "d"),
        ),
        WantedRoute("bare"),
    )
    saved = Saved(tmp_path / "serving" / "live.json")

    saved.write(routes)

    assert saved.read() == routes


def test_nothing_is_read_where_nothing_was_written(tmp_path: Path) -> None:
    assert Saved(tmp_path / "live.json").read() is None


def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path) -> None:
    saved = Saved(tmp_path / "live.json")
    saved.write((WantedRoute("shop", rest=arm("prod", "a")),))
    whole = saved.path.read_bytes()

    for end in range(len(whole)):
        saved.path.write_bytes(whole[:end])
        assert saved.read() is None


def test_a_disk_that_refuses_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "serving").write_text("a file where the folder should be")

    Saved(tmp_path / "serving" / "live.json").write(())
