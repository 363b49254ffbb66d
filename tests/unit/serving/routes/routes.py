"""Routes and pools for tests of what is decided about them; no worker runs here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

from tests.contracts import contract

from ketch.package import Digest
from ketch.serving.routes.table import LiveArm
from ketch.serving.routes.wanted import WantedArm
from ketch.serving.workers import Pool


def digest(letter: str) -> Digest:
    return Digest.parse("sha256:" + letter * 64)


def arm(
    name: str, letter: str, share: int = 0, salt: str | None = None, version: str = "1.0.0"
) -> WantedArm:
    return WantedArm(name, f"shop:{version}", digest(letter), share, salt)


@dataclass(eq=False)
class Standing:
    """Stands where a pool does, and says how its workers are."""

    name: str
    failing: bool = False
    ready: bool = True
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self, drain_s: float) -> None:
        assert drain_s > 0
        self.closed.set()


def pool(name: str, *, failing: bool = False) -> Pool:
    return cast("Pool", Standing(name, failing))


def live(name: str, of: Pool, share: int = 0, salt: str | None = None) -> LiveArm:
    return LiveArm(name, of, share, salt)


def answering(name: str) -> Pool:
    """Return a pool of a package with a contract of its own."""
    standing = Standing(name)
    standing.contract = contract({"shopper": "string"}, description=name)  # type: ignore[attr-defined]
    return cast("Pool", standing)
