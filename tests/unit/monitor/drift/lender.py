"""A lender whose applicants change: a real package with training data, and a real log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from tests.registries import VERIFIED
from tests.tallies import Writer

import ketch
from ketch.monitor.decisions import Decision, Origin
from ketch.monitor.decisions.ids import moment_of
from ketch.package import Package, Reference, Stage, open_package
from ketch.registry import Policy, Registry, open_database
from ketch.runtime import Home
from ketch.schema import Row

ROUTE = "loans"
MONDAY = datetime(2026, 3, 9, tzinfo=UTC)
HALF = timedelta(hours=4)
"""A look is half a day."""

PIPELINE = """
def run(_, rows):
    return [{"score": round(answer(row), 6), "grade": grade(answer(row))} for row in rows]


def answer(row):
    owns = {"rents": 0.0, "owns": 0.2}.get(row["home"], 0.1)
    return min(1.0, row["age"] / 100 + owns + (row["debts"] or 0.0) * 1e-9)


def grade(score):
    return "good" if score > 0.5 else "bad"
"""
INPUTS = """
age = "int64"
debts = { type = "float64", nullable = true }
home = "string"
word = "string"
"""


def applicant(chance: Random) -> Row:
    """Return somebody as they were when the package was trained."""
    return {
        "age": min(90, max(18, round(chance.gauss(45, 12)))),
        "debts": None if chance.random() < 0.02 else round(chance.lognormvariate(8, 1), 2),
        "home": chance.choice(["rents", "rents", "owns"]),
        "word": f"{chance.randrange(10**6):x}",
    }


def changed(chance: Random) -> Row:
    """Return somebody a few years older, with quite other debts, who may live with a parent."""
    row = applicant(chance)
    row["age"] = min(90, int(str(row["age"])) + 4)
    row["debts"] = None if chance.random() < 0.1 else round(chance.lognormvariate(10, 1), 2)
    row["home"] = "parents" if chance.random() < 0.15 else row["home"]
    return row


@dataclass
class Lender:
    """A home with the package, and its log."""

    home: Home
    package: Package

    @classmethod
    def opened(cls, folder: Path, author: Callable[..., Path], rows: int = 4_000) -> Lender:
        """Pack the package, with training data of some applicants."""
        chance = Random(1)
        text = io.StringIO()
        table = csv.DictWriter(text, ["age", "debts", "home", "word"])
        table.writeheader()
        table.writerows(applicant(chance) for _ in range(rows))
        one = {"age": 60, "debts": 10.0, "home": "owns", "word": "a"}
        author(
            folder / "lender",
            PIPELINE,
            name="lender",
            inputs=INPUTS,
            outputs='score = "float64"\ngrade = "string"',
            scenarios=[{"inputs": one, "expected": {"score": 0.8, "grade": "good"}}],
            more='[data.train]\nsource = "s3://bank/loans"\nsample = "loans.csv"\n',
            files={"loans.csv": text.getvalue()},
        )
        home = Home(folder / "home")
        assert ketch.pack(folder / "lender", home=home).verified
        return cls(home, home.open(Reference.parse("lender:1.0.0")))

    def promote(self, policy: Policy | None = None) -> None:
        """Put the package into prod, under these rules."""
        database = open_database(f"sqlite:///{self.home.path / 'registry.db'}")
        registry = Registry(database, lambda one: open_package(one, self.home.store))
        registry.publish(self.package, actor="ana")
        registry.promote(
            Reference.parse("lender:1.0.0"),
            Stage.PROD,
            actor="otto",
            evidence=VERIFIED,
            route=ROUTE,
            override=True,
            reason="set up",
        )
        if policy is not None:
            registry.set_policy(ROUTE, policy, actor="otto")
        database.close()

    def answer(
        self,
        begin: datetime,
        rows: int,
        of: Callable[[Random], Row] = applicant,
        *,
        each: int = 1,
        seed: int = 2,
        span: timedelta = HALF,
    ) -> None:
        """Answer applicants over some time.

        Args:
            begin: When the first comes.
            rows: How many answers there are.
            of: What they ask.
            each: How often each asks.
            seed: Chooses them.
            span: How long it takes.
        """
        chance = Random(seed)
        origin = Origin(ROUTE, "lender:1.0.0", str(self.package.digest), "prod", "prod=1000000")
        decisions = []
        with ketch.load("lender:1.0.0", home=self.home) as score:
            asked = [row for _ in range(rows // each) for row in [of(chance)] * each]
            answers = score(asked)
        for at, (row, answer) in enumerate(zip(asked, answers, strict=True)):
            time = begin + span * at / rows
            identity = f"{moment_of(time):016x}{0x8000000000000000 + at:016x}"
            unit = f"{seed}-{at // each}"
            asks, says = (json.dumps(one).encode() for one in (row, answer))
            decisions.append(Decision(identity, origin, asks, says, unit=unit))
        Writer(self.logs[0]).write(decisions)

    @property
    def logs(self) -> tuple[Path]:
        """The folder of its log."""
        return (self.home.path / "decisions",)
