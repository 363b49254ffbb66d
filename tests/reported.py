"""A shop that is reported of: four days of a rollout, in a real registry and a real log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from tests.registries import VERIFIED, made
from tests.tallies import Writer

from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.package import Package, Reference, Stage, open_package
from ketch.registry import Place, Policy, Registry, Share
from ketch.registry.sql.database import open_database
from ketch.runtime import Home

ROUTE = "recommendations"
BEGAN = datetime(2026, 3, 3, 9, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = """
unit = "name"
primary = "purchase"
approvals = 1
[guardrails.purchase]
window = "12h"
[guardrails.slow]
limit_ms = 80
reaction = "hold"
[guardrails.errors]
[minimum]
units = 200
outcomes = 50
days = 4
[metrics.score]
measure = "rmse"
output = "score"
outcome = "right"
"""


@dataclass
class Shop:
    """A home whose registry has a clock of its own, and decisions of any time.

    Attributes:
        home: Where everything is.
        now: What the clock of the registry shows.
    """

    home: Home
    now: datetime = BEGAN - DAY
    chance: Random = field(default_factory=lambda: Random(7))
    _tails: int = 0

    def __post_init__(self) -> None:
        self.database = open_database(f"sqlite:///{self.home.path / 'registry.db'}")
        self.registry = Registry(
            self.database, lambda one: open_package(one, self.home.store), clock=lambda: self.now
        )
        self.writer = Writer(self.home.path / "decisions")
        self.outcomes = Outcomes(self.home.path / "decisions")

    def close(self) -> None:
        """Leave nothing open."""
        self.outcomes.close()
        self.database.close()

    def publish(self, *references: str) -> None:
        for reference in references:
            package, store = made(reference, route=ROUTE)
            for digest in store.digests():
                self.home.store.put_bytes(store.read(digest))
            self.registry.publish(package, actor="ana")

    def promote(self, reference: str, stage: str, share: int | None = None) -> None:
        self.registry.promote(
            Reference.parse(reference),
            Stage(stage),
            actor="otto",
            evidence=VERIFIED,
            share=None if share is None else Share(share),
            route=ROUTE,
            override=True,
            reason="set up",
        )

    def set_policy(self, text: str = POLICY) -> None:
        self.registry.set_policy(ROUTE, Policy.parse(text.encode()), actor="otto")

    def origin(self, stage: str) -> Origin:
        """Return what decisions of an arm have in common now."""
        route = self.registry.route(ROUTE)
        arm = route.at(Place(stage))
        assert arm is not None
        limited = route.at(Place.LIMITED)
        share = 0 if limited is None else limited.share.millionths
        shares = f"limited={share} prod={1_000_000 - share}"
        named = (route.rollout or "") if stage in ("limited", "prod") else ""
        return Origin(ROUTE, arm.package, str(arm.digest), stage, shares, named)

    def answer(self, stage: str, unit: str, at: datetime, **how: object) -> Decision:
        """Return an answer of that time; ``how`` are other attributes of it."""
        self._tails += 1
        tail = 0x8000000000000000 + self._tails
        identity = f"{moment_of(at):016x}{tail:016x}"
        made_of = {"outputs": b'{"greeting":"Hello","score":0.5}', "duration_us": 5_000}
        return Decision(identity, self.origin(stage), b"{}", unit=unit, **{**made_of, **how})  # type: ignore[arg-type] # a test's own

    def package(self, stage: str) -> Package:
        arm = self.registry.route(ROUTE).at(Place(stage))
        assert arm is not None
        return open_package(arm.digest, self.home.store)

    def trade(
        self, days: float, *, units: int = 3_000, buys: float = 0.05, worse: float = 1.0
    ) -> None:
        """Let shoppers come for some days, a tenth of them with the candidate, and some buy.

        Args:
            days: For how long.
            units: How many shoppers.
            buys: Which part of them buys.
            worse: What the candidate makes of that part.
        """
        decisions, outcomes = [], []
        for number in range(units):
            at = BEGAN + DAY * days * (number + 1) / (units + 1)
            stage = "limited" if number % 10 == 0 else "prod"
            took = 120_000 if number % 211 == 0 else 5_000
            one = self.answer(stage, f"shopper-{number}", at, duration_us=took)
            decisions.append(one)
            part = buys * (worse if stage == "limited" else 1.0)
            if self.chance.random() < part:
                when = at + timedelta(minutes=5)
                outcomes.append(Outcome(ROUTE, "purchase", when, decision=one.id))
            if number % 7 == 0:
                right = 0.5 + 0.1 * self.chance.random()
                outcomes.append(Outcome(ROUTE, "right", at, value=right, decision=one.id))
        self.writer.write(decisions)
        self.outcomes.record(outcomes)


def shop_with_rollout(home: Home) -> Shop:
    """Return a shop whose candidate has had a tenth of the units since :data:`BEGAN`."""
    home.path.mkdir(parents=True, exist_ok=True)
    shop = Shop(home)
    shop.publish("recommender:1.0.0", "recommender:1.1.0", "recommender:1.2.0")
    shop.promote("recommender:1.0.0", "prod")
    shop.set_policy()
    shop.now = BEGAN
    shop.promote("recommender:1.1.0", "limited", 100_000)
    return shop


def copies(shop: Shop, number: int) -> None:
    """Let what stands at staging answer copies; every tenth differs, and every twentieth fails."""
    written = []
    for count in range(number):
        at = BEGAN + DAY + timedelta(seconds=count)
        live = shop.answer("prod", f"copied-{count}", at, why="no-unit")
        how: dict[str, object] = {"why": "shadow", "shadow_of": live.id, "duration_us": 7_000}
        if count % 10 == 3:
            how["outputs"] = b'{"greeting":"Hello","score":0.75}'
        if count % 20 == 7:
            how |= {"status": 500, "error": "package-code/raised", "outputs": b"null"}
        written += [live, shop.answer("staging", f"copied-{count}", at, **how)]
    shop.writer.write(written)
