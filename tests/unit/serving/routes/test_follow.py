import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self, cast

import pytest
from tests.unit.serving.routes.routes import arm, digest

from ketch.errors import Unavailable
from ketch.registry import Arm, Desk, Place, Route, Share
from ketch.registry.events import Head
from ketch.runtime import Home
from ketch.serving.routes import follow
from ketch.serving.routes.follow import Follower
from ketch.serving.routes.saved import Saved
from ketch.serving.routes.wanted import WantedRoute


class Registry:
    """Says what stands on a route, or nothing at all."""

    def __init__(self) -> None:
        self.letter = "a"
        self.seq = 1
        self.is_away = False
        self.fault: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.asked = 0

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        if self.is_away:
            raise Unavailable("the registry is away", code="registry/unavailable")
        yield cast("Desk", self)

    def head(self) -> Head:
        self.answers.wait(30)
        if self.fault is not None:
            raise self.fault
        if self.is_away:
            raise Unavailable("the registry is away", code="registry/unavailable")
        return Head(self.seq, str(digest("f")), datetime(2026, 1, 1, tzinfo=UTC))

    def routes(self) -> tuple[Route, ...]:
        self.asked += 1
        prod = Arm(Place.PROD, "shop:1.0.0", digest(self.letter), Share.parse("100%"))
        return (Route("shop", self.seq, arms=(prod,)),)

    def promote(self, letter: str) -> None:
        self.letter, self.seq = letter, self.seq + 1


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "POLL_S", 0.01)
    monkeypatch.setattr(follow, "AWAY_S", (0.01,))


class Heard:
    """What a follower told."""

    def __init__(self, registry: Registry, path: Path) -> None:
        self.told: list[tuple[WantedRoute, ...]] = []
        self.away = threading.Event()
        self.saved = Saved(path)
        self.follower = Follower(
            cast("Home", registry), self.saved, self.told.append, self.away.set
        )

    def __enter__(self) -> Self:
        self.follower.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.follower.stop()

    def until(self, claim: Callable[[], object]) -> None:
        end = time.monotonic() + 20
        while not claim():
            assert time.monotonic() < end
            time.sleep(0.005)

    def letters(self) -> list[str]:
        return [str(routes[0].rest.digest)[7] for routes in self.told if routes[0].rest]


def test_what_the_registry_says_is_told_and_told_again_when_it_changes(tmp_path: Path) -> None:
    registry = Registry()
    with Heard(registry, tmp_path / "live.json") as heard:
        heard.until(lambda: heard.letters() == ["a"])
        registry.promote("b")
        heard.until(lambda: heard.letters() == ["a", "b"])


def test_the_routes_are_asked_for_only_when_something_happened(tmp_path: Path) -> None:
    registry = Registry()
    with Heard(registry, tmp_path / "live.json") as heard:
        heard.until(lambda: heard.told)
        time.sleep(0.1)

        assert registry.asked == 1


def test_an_event_that_changes_nothing_that_is_served_is_not_told(tmp_path: Path) -> None:
    registry = Registry()
    with Heard(registry, tmp_path / "live.json") as heard:
        heard.until(lambda: heard.told)
        asked = registry.asked
        registry.promote("a")
        heard.until(lambda: registry.asked > asked)

        assert set(heard.letters()) == {"a"}


def test_while_the_registry_is_away_what_it_said_last_stands(tmp_path: Path) -> None:
    registry = Registry()
    with Heard(registry, tmp_path / "live.json") as heard:
        heard.until(lambda: heard.told)
        registry.is_away = True
        heard.until(lambda: heard.follower.problem)
        registry.letter, registry.is_away = "c", False
        registry.seq += 1
        heard.until(lambda: heard.letters() == ["a", "c"])
        heard.until(lambda: heard.follower.problem is None)


def test_a_registry_that_is_away_at_the_start_is_remembered(tmp_path: Path) -> None:
    registry = Registry()
    registry.is_away = True
    remembered = (WantedRoute("shop", rest=arm("prod", "d")),)
    Saved(tmp_path / "live.json").write(remembered)
    with Heard(registry, tmp_path / "live.json") as heard:
        heard.until(lambda: heard.told == [remembered])

        assert heard.follower.knows


def test_where_nothing_is_remembered_that_is_told(tmp_path: Path) -> None:
    registry = Registry()
    registry.is_away = True
    with Heard(registry, tmp_path / "live.json") as heard:
        assert heard.away.wait(20)

        assert not heard.follower.knows


def test_what_is_told_is_written_down(tmp_path: Path) -> None:
    with Heard(Registry(), tmp_path / "live.json") as heard:
        heard.until(lambda: heard.saved.read() is not None)

        assert heard.saved.read() == heard.told[-1]


def test_what_another_registry_said_is_not_remembered(tmp_path: Path) -> None:
    said = (WantedRoute("shop", rest=arm("prod", "d")),)
    Saved(tmp_path / "live.json", "https://one.example").write(said)

    assert Saved(tmp_path / "live.json", "https://one.example").read() == said
    assert Saved(tmp_path / "live.json", "https://other.example").read() is None
    assert Saved(tmp_path / "live.json").read() is None
    assert b"one.example" not in (tmp_path / "live.json").read_bytes()


def test_a_fault_that_nobody_thought_of_does_not_end_the_following(tmp_path: Path) -> None:
    registry = Registry()
    registry.fault = ZeroDivisionError("division by zero")
    with Heard(registry, tmp_path / "live.json") as heard:
        heard.until(lambda: heard.follower.problem)
        registry.fault = None

        heard.until(lambda: heard.letters() == ["a"])


def test_a_registry_that_never_answers_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    registry = Registry()
    registry.answers.clear()
    with Heard(registry, tmp_path / "live.json") as heard:
        began = time.monotonic()
        heard.follower.stop(0.1)
        assert time.monotonic() - began < 5

        registry.answers.set()
    assert heard.told == []
