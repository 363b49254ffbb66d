"""``ketch serve`` as its users meet it: started, asked, followed, told to stop."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.gateways import Serving, end, serving
from tests.shop import ANSWERS, NAME, ROWS, is_running, open_shop, run_ketch

import ketch
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

POLICY = 'unit = "name"\napprovals = 0\nexperiment = false\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A home with three versions of the shop; none is published."""
    folder = tmp_path_factory.mktemp("serving")
    home = open_shop(folder / "shop", folder / "home", author)
    pipeline = folder / "shop" / "pipeline.py"
    declared = folder / "shop" / "ketch.toml"
    for version, factor in (("1.1.0", "0.25"), ("1.2.0", "0.125")):
        text = declared.read_text()
        before = text.partition('version = "')[2].partition('"')[0]
        declared.write_text(text.replace(f'version = "{before}"', f'version = "{version}"'))
        source = pipeline.read_text()
        old = source.partition('row["size"] * ')[2].partition(",")[0]
        pipeline.write_text(source.replace(f"* {old},", f"* {factor},"))
        for scenario in (folder / "shop" / "scenarios").iterdir():
            body = json.loads(scenario.read_text())
            body["expected"]["price"] = 3 * float(factor)
            scenario.write_text(json.dumps(body))
        assert ketch.pack(folder / "shop", home=home).verified
    return home


@pytest.fixture(scope="module")
def one(home: Home) -> Iterator[Serving]:
    """A gateway that serves one package by name."""
    with serving(home, NAME) as gateway:
        yield gateway


def price(gateway: Serving, path: str = "/shop") -> float | None:
    """Return what one row is answered; None while it is answered by an error."""
    said = gateway.ask(path, ROWS[0])
    return float(said.json["price"]) if said.status == 200 else None


def is_answered(gateway: Serving) -> bool:
    return gateway.ask("/shop", ROWS[0]).status == 200


def test_one_command_answers_one_object_with_one_object(one: Serving) -> None:
    said = one.ask("/shop", ROWS[0])

    assert said.status == 200
    assert said.json == ANSWERS[0]


def test_a_list_is_answered_with_a_list(one: Serving) -> None:
    assert one.ask("/shop", ROWS).json == ANSWERS


def test_every_answer_names_package_arm_and_decision(one: Serving) -> None:
    headers = one.ask("/shop", ROWS[0]).headers

    assert headers["ketch-package"] == NAME
    assert headers["ketch-arm"] == "direct"
    assert len(headers["ketch-decision"]) == 32


def test_wrong_input_is_told_whole_and_the_worker_never_sees_it(one: Serving) -> None:
    wrong = [{"name": 7, "size": 1.5, "at": "yesterday"}, {"name": "a"}]

    said = one.ask("/shop", wrong)

    assert said.status == 400
    assert said.headers["content-type"] == "application/problem+json"
    assert len(said.body) < 1000
    places = [finding["where"] for finding in said.json["findings"]]
    assert {"rows[0].name", "rows[0].size", "rows[0].at", "rows[1].at"} <= set(places)


def test_what_a_package_refuses_is_the_callers_fault_and_told(one: Serving) -> None:
    said = one.ask("/shop", {**ROWS[0], "name": "refuse"})

    assert said.status == 422
    assert "that is not for sale" in said.json["detail"]


def test_what_a_package_fails_at_is_told_without_its_inside(one: Serving) -> None:
    said = one.ask("/shop", {**ROWS[0], "name": "crash"})

    assert said.status == 500
    assert "RuntimeError" not in said.body.decode()
    assert "Traceback" not in said.body.decode()


def test_bytes_of_one_request_never_reach_the_answer_of_another(one: Serving) -> None:
    """Joining raw bodies `[a,b]` would let a body `a},{b` shift everybody's answers."""
    body = json.dumps(ROWS[0]).encode()
    shifting = body + b"," + body
    answers: list[object] = []

    def attack() -> None:
        for _ in range(50):
            assert one.ask("/shop", shifting).status == 400

    def victim(number: int) -> None:
        for _ in range(50):
            asked = {**ROWS[0], "size": number}
            answers.append((number, one.ask("/shop", asked).json["price"]))

    threads = [threading.Thread(target=attack) for _ in range(2)]
    threads += [threading.Thread(target=victim, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 200
    assert all(found == number * 0.5 for number, found in answers)  # type: ignore[misc,has-type]


def test_a_worker_that_dies_is_replaced_and_others_are_answered(one: Serving) -> None:
    assert one.ask("/shop", {**ROWS[0], "name": "die"}).status == 503

    one.until(lambda: one.ask("/shop", ROWS[0]).status == 200)


def test_the_readiness_names_every_route(one: Serving) -> None:
    said = one.ask("/readyz")

    assert said.status == 200
    assert "shop" in said.body.decode()


def test_the_books_are_open_to_prometheus(one: Serving) -> None:
    one.ask("/shop", ROWS[0])

    text = one.ask("/metrics").body.decode()

    assert (
        'ketch_requests_total{arm="direct",package="shop:1.0.0",route="shop",status="200"}' in text
    )


def test_a_package_that_is_not_there_is_told_and_nothing_listens(home: Home) -> None:
    done = run_ketch(home, "serve", "nobody:1.0.0", "--port", "0", status=2)

    assert b"no package `nobody:1.0.0`" in done.stderr
    assert done.stdout == b""


def test_a_gateway_that_is_killed_comes_back_and_nobody_is_refused(home: Home) -> None:
    with serving(home, NAME) as gateway:
        killed, workers = gateway.gateway, gateway.workers
        refused = []
        stop = threading.Event()

        def ask() -> None:
            while not stop.is_set():
                try:
                    gateway.ask("/livez", timeout_s=30)
                except ConnectionRefusedError as error:
                    refused.append(error)
                except OSError:
                    pass  # it was at work when it was killed

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(0.2)
        end(killed)
        gateway.until(lambda: is_answered(gateway))
        stop.set()
        asking.join()

        assert refused == []
        assert gateway.gateway != killed
        assert not any(map(is_running, workers))


def test_told_to_stop_it_answers_what_it_has_begun(home: Home) -> None:
    with serving(home, NAME) as gateway:
        said = []
        slow = {**ROWS[0], "name": "sleep", "size": 1}
        asking = threading.Thread(target=lambda: said.append(gateway.ask("/shop", slow)))
        asking.start()
        time.sleep(0.5)

        assert gateway.stop(signal.SIGTERM) == 0
        asking.join()

        assert [one.status for one in said] == [200]


@pytest.fixture
def route(home: Home, tmp_path: Path) -> Iterator[str]:
    """A route without packages, in a registry of its own."""
    registry = home.path / "registry.db"
    for file in home.path.glob("registry*"):
        if file.is_file():
            file.unlink()
    assert not registry.exists()
    (tmp_path / "route.toml").write_text(POLICY)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        run_ketch(home, "push", f"shop:{version}")
    run_ketch(home, "route", "set", "shop", tmp_path / "route.toml", "--reason", "begin")
    yield "shop"
    (home.path / "serving" / "live.json").unlink(missing_ok=True)


def promote(home: Home, version: str, stage: str, *more: str) -> None:
    run_ketch(
        home, "promote", f"shop:{version}", stage, "--route", "shop", "--reason", "because", *more
    )


def go_to_prod(home: Home, version: str) -> None:
    promote(home, version, "staging")
    promote(home, version, "prod")


@pytest.mark.usefixtures("route")
def test_without_a_name_it_follows_the_registry_through_a_whole_life(home: Home) -> None:
    with serving(home) as gateway:
        assert gateway.ask("/shop", ROWS[0]).status == 404

        promote(home, "1.0.0", "staging")
        gateway.until(lambda: gateway.ask("/staging/shop", ROWS[0]).status == 200)
        assert price(gateway, "/staging/shop") == 1.5
        assert gateway.ask("/shop", ROWS[0]).status == 404
        assert gateway.ask("/readyz").status == 200  # nothing ought to answer there yet

        promote(home, "1.0.0", "prod")
        gateway.until(lambda: gateway.ask("/shop", ROWS[0]).status == 200)

        promote(home, "1.1.0", "staging")
        promote(home, "1.1.0", "limited", "--share", "30%")
        gateway.until(lambda: gateway.ask("/shop", ROWS[0], Ketch_Arm="limited").status == 200)
        arms = {
            gateway.ask("/shop", {**ROWS[0], "name": f"n{n}"}).headers["ketch-arm"]
            for n in range(40)
        }
        assert arms == {"prod", "limited"}

        promote(home, "1.1.0", "prod")
        gateway.until(lambda: price(gateway) == 0.75)

        run_ketch(home, "rollback", "shop", "--reason", "it was better before")
        gateway.until(lambda: price(gateway) == 1.5)


@pytest.mark.usefixtures("route")
def test_the_same_unit_always_gets_the_same_arm(home: Home) -> None:
    go_to_prod(home, "1.0.0")
    promote(home, "1.1.0", "staging")
    promote(home, "1.1.0", "limited", "--share", "50%")
    names = [f"n{n}" for n in range(30)]

    def arms(gateway: Serving) -> list[str]:
        asked = ({**ROWS[0], "name": name} for name in names)
        return [gateway.ask("/shop", row).headers["ketch-arm"] for row in asked]

    with serving(home) as first:
        first.until(lambda: first.ask("/shop", ROWS[0], Ketch_Arm="limited").status == 200)
        before = arms(first)
        assert set(before) == {"prod", "limited"}
    with serving(home) as second:
        second.until(lambda: second.ask("/shop", ROWS[0], Ketch_Arm="limited").status == 200)
        assert arms(second) == before


@pytest.mark.usefixtures("route")
def test_serving_goes_on_without_the_registry_and_starts_again_without_it(home: Home) -> None:
    go_to_prod(home, "1.0.0")
    registry = home.path / "registry.db"
    assert registry.exists()
    with serving(home) as gateway:
        assert price(gateway) == 1.5
        registry.write_bytes(b"this is no database" * 1000)
        gateway.until(lambda: "the registry does not answer" in gateway.log.read_text())

        assert price(gateway) == 1.5
        end(gateway.gateway)
        gateway.until(lambda: is_answered(gateway))
        assert price(gateway) == 1.5
    with serving(home) as again:
        assert price(again) == 1.5
    for file in home.path.glob("registry*"):
        file.unlink()


@pytest.mark.usefixtures("route")
def test_a_staging_machine_serves_what_stands_at_staging(home: Home) -> None:
    go_to_prod(home, "1.0.0")
    promote(home, "1.1.0", "staging")

    with serving(home, "--stage", "staging") as gateway:
        assert price(gateway) == 0.75


@pytest.mark.usefixtures("route")
def test_what_stands_at_staging_gets_copies_of_live_requests(home: Home) -> None:
    go_to_prod(home, "1.0.0")
    promote(home, "1.1.0", "staging")
    counted = 'ketch_shadow_total{package="shop:1.1.0",result="answered",route="shop"}'

    with serving(home) as gateway:
        gateway.until(lambda: gateway.ask("/staging/shop", ROWS[0]).status == 200)
        assert price(gateway) == 1.5

        gateway.until(lambda: counted in gateway.ask("/metrics").body.decode())


@pytest.mark.usefixtures("route")
def test_a_package_that_cannot_run_here_changes_nothing_and_is_told(
    home: Home, tmp_path: Path, author: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_KEY", "1")
    go_to_prod(home, "1.0.0")
    folder = tmp_path / "needy"
    open_shop(folder, home.path.parent / "other-home", author)
    declared = folder / "ketch.toml"
    text = declared.read_text().replace('version = "1.0.0"', 'version = "2.0.0"')
    declared.write_text(text.replace("[environment]", '[environment]\nrequired = ["SHOP_KEY"]'))
    assert ketch.pack(folder, home=home).verified
    run_ketch(home, "push", "shop:2.0.0")
    go_to_prod(home, "2.0.0")
    monkeypatch.delenv("SHOP_KEY")

    with serving(home) as gateway:
        gateway.until(lambda: "SHOP_KEY" in gateway.ask("/readyz").body.decode())
        assert gateway.ask("/readyz").status == 503
