"""A day of a shop on which something goes wrong: a real registry, a real log, real outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

import numpy as np
from tests.reported import ROUTE, Shop

from ketch.compare.incident import Asked, Incident, explain_incident
from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.monitor.outcomes import Outcome, Outcomes
from ketch.runtime import Home

MORNING = datetime(2026, 3, 3, 12, tzinfo=UTC)
BROKE = MORNING + timedelta(hours=4)
EVENING = MORNING + timedelta(hours=6)
TAIL = 0x8000000000000001
POLICY = """
unit = "name"
primary = "purchase"
approvals = 0
[guardrails.purchase]
window = "12h"
"""


@dataclass
class Request:
    """What happens to one request; a test changes what it wants to go wrong.

    Attributes:
        at: When it comes.
        stage: Who answers it.
        chance: Drawn anew for each request.
        late_since, late_by: What happens from then on is told so much later.
    """

    at: datetime
    stage: str
    chance: np.random.Generator
    unit: str = ""
    inputs: dict[str, object] = field(default_factory=dict)
    score: float = 0.5
    status: int = 200
    error: str | None = None
    ms: float = 5.0
    buys: float = 0.05
    late_since: datetime | None = None
    late_by: timedelta = timedelta(0)


Change = Callable[[Request], None]


def unchanged(request: Request) -> None:
    """Let nothing go wrong."""


@dataclass
class Day:
    """A shop from morning to evening, some requests a minute."""

    shop: Shop
    seed: int = 1

    @classmethod
    def opened(cls, home: Home, seed: int = 1) -> Day:
        """Return a shop with ``recommender:1.0.0`` in prod since the day before."""
        home.path.mkdir(parents=True, exist_ok=True)
        shop = Shop(home, now=MORNING - timedelta(days=1))
        shop.publish("recommender:1.0.0", "recommender:1.1.0")
        shop.promote("recommender:1.0.0", "prod")
        shop.set_policy(POLICY)
        return cls(shop, seed)

    def trade(
        self,
        change: Change = unchanged,
        *,
        since: datetime = MORNING,
        until: datetime = EVENING,
        minute: int = 24,
        share: float = 0.0,
        now: datetime = EVENING,
    ) -> None:
        """Let requests come, be answered, and be followed by purchases.

        Args:
            change: What is otherwise than on a usual day.
            since, until: When.
            minute: How many requests in each.
            share: Which part of the units the candidate has.
            now: Outcomes that would be told later are not told.
        """
        chance = np.random.default_rng(self.seed)
        number = int((until - since) / timedelta(minutes=1) * minute)
        decisions, outcomes = [], []
        origins = {
            stage: self.shop.origin(stage) for stage in (["prod", "limited"] if share else ["prod"])
        }
        for at in np.sort(chance.random(number)):
            stage = "limited" if chance.random() < share else "prod"
            one = Request(since + float(at) * (until - since), stage, chance)
            one.unit = f"shopper-{chance.integers(5_000)}"
            one.inputs = {
                "name": one.unit,
                "price": round(float(chance.normal(20, 5)), 2),
                "country": ("de", "fr", "it")[chance.integers(3)],
            }
            one.score = float(chance.normal(0.5, 0.1))
            one.ms = float(chance.gamma(4, 2))
            change(one)
            decision = self._decision(one, origins[stage])
            decisions.append(decision)
            if one.error is None and chance.random() < one.buys:
                bought = one.at + timedelta(minutes=float(chance.exponential(2)))
                told = bought + timedelta(minutes=1)
                if one.late_since is not None and bought >= one.late_since:
                    told += one.late_by
                if told <= now:
                    purchase = Outcome(ROUTE, "purchase", bought, decision=decision.id)
                    outcomes.append((told, purchase))
        self.shop.writer.write(decisions)
        self._tell(outcomes)

    def explain(
        self,
        at: datetime = EVENING,
        metric: str | None = None,
        *,
        now: datetime = EVENING,
        route: str = ROUTE,
    ) -> Incident:
        """Return what ketch says of it."""
        logs = [self.shop.home.path / "decisions"]
        with self.shop.home.desk() as desk:
            return explain_incident(
                Asked(route, at, metric), logs, desk, home=self.shop.home, now=now
            )

    def _decision(self, one: Request, origin: Origin) -> Decision:
        identity = f"{moment_of(one.at):016x}{TAIL:016x}"
        outputs: Mapping[str, object] | None = {"score": one.score} if one.error is None else None
        return Decision(
            identity,
            origin,
            json.dumps(one.inputs).encode(),
            json.dumps(outputs).encode(),
            unit=one.unit,
            status=one.status,
            error=one.error,
            duration_us=round(one.ms * 1000),
        )

    def _tell(self, outcomes: list[tuple[datetime, Outcome]]) -> None:
        """Record outcomes when they are told, ten minutes at once at most."""

        def ten(pair: tuple[datetime, Outcome]) -> int:
            return int(pair[0].timestamp() // 600)

        for part, some in groupby(sorted(outcomes, key=lambda one: one[0]), ten):
            when = datetime.fromtimestamp(part * 600 + 600, UTC)
            with Outcomes(self.shop.home.path / "decisions", clock=partial(_same, when)) as known:
                known.record([one for _, one in some])


def _same(when: datetime) -> datetime:
    return when
