"""A package that cannot live is promoted: the one before it goes on answering."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.faults.serving.places import MODE, Heard, callers, copied, metric, promote, said_by
from tests.gateways import Serving, serving
from tests.shop import run_ketch

from ketch.runtime import Home

pytestmark = pytest.mark.faults

NEW = "shop:1.1.0"


@pytest.fixture
def home(packed: Home, tmp_path: Path) -> Home:
    return copied(packed, tmp_path / "home")


def events(gateway: Serving, says: str) -> list[dict[str, object]]:
    return [one for one in said_by(gateway) if one["says"] == says and one.get("package") == NEW]


def standing(gateway: Serving) -> Any:
    return gateway.ask("/readyz").json["routes"]["shop"]


def roll_back(home: Home, gateway: Serving) -> Heard:
    """Do what the person does who is called: everything is well at once."""
    run_ketch(home, "rollback", "shop", "--reason", "it dies")
    gateway.until(lambda: standing(gateway)["arms"]["prod"] == "shop:1.0.0", 60)
    assert gateway.ask("/readyz").status == 200
    with callers(gateway, 2) as heard:
        gateway.until(lambda: heard.said["right"] > 20)
    return heard


def test_a_package_that_dies_at_import_never_gets_a_request(home: Home) -> None:
    with serving(home, **{MODE: "import"}) as gateway:
        with callers(gateway, 3, pause_s=0.005) as heard:
            promote(home, "1.1.0", "prod")
            gateway.until(lambda: len(events(gateway, "not served")) >= 3, 60)
            readiness = gateway.ask("/readyz")
        assert (heard.errors, heard.lost) == ({}, [])
        assert set(heard.by) == {"1.0.0"}
        assert readiness.status == 200  # each route is answered
        assert "worker" in readiness.json["routes"]["shop"]["problems"][NEW]

        assert set(roll_back(home, gateway).by) == {"1.0.0"}


def test_a_package_that_dies_on_its_first_request_is_not_asked_for_long(home: Home) -> None:
    with serving(home, "--workers", "2", **{MODE: "first"}) as gateway:
        with callers(gateway, 4, pause_s=0.01) as heard:
            gateway.until(lambda: heard.said["right"] > 20)
            promote(home, "1.1.0", "prod")
            gateway.until(lambda: metric(gateway, "ketch_failing", package=NEW) == 1, 60)
            failing = len(heard.by)
            gateway.until(lambda: len(heard.by) > failing + 100)
            errors = heard.errors.copy()
            gateway.until(lambda: len(heard.by) > failing + 200)
        assert heard.lost == []
        assert set(heard.by) == {"1.0.0"}
        assert set(heard.errors) <= {"503 serve/worker-died", "503 serve/starting"}
        assert heard.errors == errors  # those of the moment in which it was found out
        assert gateway.ask("/metrics").status == 200
        assert metric(gateway, "ketch_restarts_total", package=NEW, why="died") >= 3

        assert set(roll_back(home, gateway).by) == {"1.0.0"}


def test_a_package_that_dies_at_each_hundredth_call_costs_no_answer(home: Home) -> None:
    """Under load that is a crash loop, and the package before answers."""
    with serving(home, "--workers", "2", "--no-shadow", **{MODE: "hundredth"}) as gateway:
        with callers(gateway, 4, pause_s=0.001) as heard:
            promote(home, "1.1.0", "prod")
            gateway.until(
                lambda: (
                    metric(gateway, "ketch_restarts_total", package=NEW, why="died") >= 4
                    or metric(gateway, "ketch_failing", package=NEW) == 1
                ),
                90,
            )
        assert heard.lost == []
        assert set(heard.by) == {"1.0.0", "1.1.0"}, gateway.log.read_text()
        assert heard.errors == {}

        assert set(roll_back(home, gateway).by) == {"1.0.0"}
