"""The guard end to end: from the first outcome that suffices to the first old answer.

    python bench/guard.py [--rollouts 20] [--callers 0]

``ketch serve`` follows a registry in which one version of a package is in prod and another
one gets half of the units, and guards itself, with nothing set but `auto_rollback`. In each
rollout units come, and those with the version in prod buy, all but one of as many as are
needed before the evidence suffices; a while later the last one buys. The clock starts when
``POST /outcomes`` has acknowledged that purchase, which is on the disk then, and stops with
the first answer of the version in prod to a unit that had the other one until then, asked
again and again. Where the time went is told by the times of the events in the history.
Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from served import packages, routes
from served.gateway import Gateway, serving
from served.traffic import quantile

from ketch.package import Reference, Stage
from ketch.registry import Desk, Policy, Share
from ketch.rollout.evidence import Evidence, read
from ketch.rollout.stats import Unit, Units
from ketch.rollout.terms import Action, Exposure
from ketch.rollout.verdict import decide
from ketch.runtime import Home

OLD, NEW = "1.0.0", "2.0.0"
POLICY = Policy.parse(b"""
unit = "x"
approvals = 0
experiment = false
auto_rollback = true
[guardrails.purchase]
""")
UNITS = 60
WITHIN_S = 30.0


@dataclass(frozen=True)
class Took:
    """What one rollout took, in seconds since its last purchase was acknowledged."""

    judged: float
    rolled_back: float
    old_answer: float


class Caller:
    """Asks on one connection."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, path: str, body: object, **headers: str) -> tuple[str, str]:
        """Return which arm answered, and the decision."""
        given = {"Content-Type": "application/json", **headers}
        self._connection.request("POST", path, json.dumps(body), given)
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")
        return answer.headers.get("Ketch-Arm", ""), answer.headers.get("Ketch-Decision", "")


def needed() -> int:
    """Return how many purchases suffice, where nobody buys who has the candidate."""
    [purchase] = POLICY.guardrails
    for count in range(1, UNITS):
        bought = Units.of([Unit(candidate=False, probability=0.5, outcome=1, times=count)])
        evidence = Evidence((read(purchase, bought),), 0.0, Exposure())
        if decide(evidence, POLICY.terms).action is Action.ROLL_BACK:
            return count
    raise SystemExit("no number of purchases suffices")


def rollout(desk: Desk, route: str, gateway: Gateway, base: int) -> Took:
    """Return what one rollout took; its units are counted from ``base`` on."""
    reference = Reference.parse(f"shop:{NEW}")
    desk.promote(reference, Stage.LIMITED, share=Share(500_000), reason=routes.REASON)
    caller = Caller(gateway.port)
    until(lambda: arm_of(gateway, base, Ketch_Arm="limited") == "limited")
    until(lambda: desk.history(subject=f"route:{route}", limit=1)[0].kind == "judged")
    came = [(unit, *caller.ask(f"/{route}", {"x": unit})) for unit in range(base, base + UNITS)]
    unlucky = next(unit for unit, arm, _ in came if arm == "limited")
    bought = [
        {"route": route, "name": "purchase", "decision": decision}
        for _, arm, decision in came
        if arm == "prod"
    ][: needed()]
    caller.ask("/outcomes", bought[:-1])
    time.sleep(1.0 + random.random() / 2)
    if len([one for one in desk.route(route).arms if one.place == "limited"]) != 1:
        raise SystemExit("it was rolled back before the evidence sufficed")
    caller.ask("/outcomes", bought[-1])
    acknowledged, began = time.time(), time.monotonic()
    while caller.ask(f"/{route}", {"x": unlucky})[0] != "prod":
        time.sleep(0.001)
        if time.monotonic() - began > WITHIN_S:
            raise SystemExit(gateway.log.read_text()[-3000:])
    took_s = time.monotonic() - began
    back, judged = desk.history(subject=f"route:{route}", limit=2)
    if (back.kind, judged.kind) != ("rolled-back", "judged"):
        raise SystemExit(f"expected a verdict and a rollback, found {judged.kind}, {back.kind}")
    at = [one.time.timestamp() - acknowledged for one in (judged, back)]
    return Took(*at, took_s)


def arm_of(gateway: Gateway, unit: int, **headers: str) -> str | None:
    """Return the arm that answers; None where none does."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, _, found = gateway.ask("/shop", json.dumps({"x": unit}).encode(), headers=named)
    return found.get("ketch-arm") if status == 200 else None


def until(claim: object) -> None:
    """Return once it holds."""
    end = time.monotonic() + WITHIN_S
    while not claim():  # type: ignore[operator]
        if time.monotonic() > end:
            raise SystemExit("it never came so far")
        time.sleep(0.01)


@contextmanager
def busy(gateway: Gateway, route: str, callers: int) -> Iterator[None]:
    """Have others ask all the time, one request after the other, on so many connections."""
    is_over = threading.Event()

    def ask(number: int) -> None:
        caller, unit = Caller(gateway.port), 1_000_000_000 + number
        while not is_over.is_set():
            caller.ask(f"/{route}", {"x": unit})
            unit += callers

    threads = [threading.Thread(target=ask, args=(one,)) for one in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def figures(values: list[float]) -> dict[str, int]:
    """Return the middle and the longest, in milliseconds."""
    return {"p50": round(quantile(values, 0.5) * 1e3), "max": round(max(values) * 1e3)}


def main() -> None:
    """Time rollouts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=20)
    parser.add_argument("--callers", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ketch-guard-") as made:
        folder = Path(made)
        home = Home(folder / "home")
        home.path.mkdir()
        for version, factor in ((OLD, 2), (NEW, 3)):
            packages.pack(packages.shop(version, factor), folder, home)
        route = routes.published(home, f"shop:{OLD}", f"shop:{NEW}", unit="x")
        with home.desk() as desk:
            desk.set_policy(route, POLICY, reason=routes.REASON)
            routes.to_prod(desk, f"shop:{OLD}")
            desk.promote(Reference.parse(f"shop:{NEW}"), Stage.STAGING, reason=routes.REASON)
            body = json.dumps({"x": 1}).encode()
            with serving(home, asks=(f"/{route}", body)) as gateway:
                with busy(gateway, route, asked.callers):
                    took = [
                        rollout(desk, route, gateway, 1_000 * number)
                        for number in range(1, asked.rollouts + 1)
                    ]
                dropped = [one for one in gateway.log.read_text().splitlines() if "error" in one]
    print(
        json.dumps(
            {
                "rollouts": asked.rollouts,
                "callers": asked.callers,
                "purchases": needed(),
                "judged_ms": figures([one.judged for one in took]),
                "rolled_back_ms": figures([one.rolled_back for one in took]),
                "old_answer_ms": figures([one.old_answer for one in took]),
                "errors": len(dropped),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
