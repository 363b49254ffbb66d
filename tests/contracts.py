"""Contracts for tests of the doors: a package of some schema, in memory; nothing of it runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.packages import LOCK, manifest
from tests.verification import asks

from ketch.package import Scenario, Sources, open_package
from ketch.package.built import write
from ketch.package.manifest import Budget
from ketch.schema import Row, Schema
from ketch.serving.answers import Answered, Asked, Part
from ketch.serving.contract import Contract
from ketch.serving.doors.door import Door, decode
from ketch.serving.http.messages import Request, Response
from ketch.store import MemoryStore
from ketch.testing.workers import schema_of

JSON = "application/json"
DECISION = "0192f0aa" * 4


def contract(
    inputs: Mapping[str, object],
    outputs: Mapping[str, object] | None = None,
    scenarios: Sequence[Scenario] = (),
    **declared: Any,
) -> Contract:
    """Return what a package promises; tables as in ``ketch.toml``."""
    schema = schema_of(dict(inputs), dict(outputs or {"label": "string"}))
    return contract_of(schema, scenarios, **declared)


def contract_of(schema: Schema, scenarios: Sequence[Scenario] = (), **declared: Any) -> Contract:
    """Return what a package of a schema promises."""
    plain: dict[str, Any] = {"data": (), "params": {}, "evaluate": None, "budget": Budget()}
    sources = Sources(
        manifest=manifest(schema=schema, **{**plain, **declared}),
        lock=LOCK,
        code={"pipeline.py": b"def run(model, rows):\n    return rows\n"},
        scenarios=tuple(scenarios) or (asks("one", {}, error="schema/missing-field"),),
    )
    store = MemoryStore()
    return Contract(open_package(write(sources, store, files={}).digest, store))


def request(
    body: object, path: str = "/shop", media_type: str | None = JSON, **headers: str
) -> Request:
    """Return a request; a body that is not bytes is sent as JSON."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if media_type is not None:
        given.setdefault("content-type", media_type)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", path, headers=given, body=content)


def rows_of(door: Door, of: Contract, asked: Request) -> list[Row]:
    """Return the rows that a request holds, as the package would get them."""
    return decode(door, door.read(asked, of), of)


def answered(of: Contract, rows: Sequence[Mapping[str, object]], arm: str = "prod") -> Answered:
    """Return an answer of one package."""
    return Answered([dict(row) for row in rows], (Part(DECISION, of, arm, range(len(rows))),))


def replied(
    door: Door, of: Contract, asked: Request, rows: Sequence[Mapping[str, object]]
) -> Response:
    """Return what a door makes of an answer to a request."""
    read: Asked = door.read(asked, of)
    return door.reply(read, answered(of, rows))


@dataclass(frozen=True)
class Arm:
    """An arm as pages see it."""

    contract: Contract
    arm: str = "prod"


@dataclass(frozen=True)
class Route:
    """A route as pages see it."""

    name: str
    rest: Arm | None
    arms: Sequence[Arm] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    has_workers: bool = True

    @property
    def contract(self) -> Contract | None:
        return None if self.rest is None else self.rest.contract

    @property
    def is_ready(self) -> bool:
        return self.has_workers and self.rest is not None


def route(name: str, *contracts: Contract, problems: Mapping[str, str] | None = None) -> Route:
    """Return a route on which the first of some packages answers the rest."""
    arms = [
        Arm(one, arm) for one, arm in zip(contracts, ("prod", "limited", "baseline"), strict=False)
    ]
    return Route(name, arms[0] if arms else None, arms, problems or {})
