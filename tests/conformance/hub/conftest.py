"""One hub for the tests of a module, with a package in production."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.hubs import Nursery, Served
from tests.registries import NOON, VERIFIED, Office, There


@pytest.fixture(scope="package")
def nursery() -> Iterator[Nursery]:
    """Where hubs come from."""
    with closing(Nursery()) as found:
        yield found


@pytest.fixture(scope="module")
def served(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub where ``shop`` answers on ``greetings``, and ``other`` on a route of its own."""
    with nursery.hub(tmp_path_factory.mktemp("hub") / "home") as found:
        with closing(Office(There(found))) as office:
            office.in_prod("shop:1.0.0")
            office.publish("shop:1.1.0")
            office.publish("other:1.0.0", route="elsewhere")
            office.promote("other:1.0.0", "staging")
        found.say(NOON, VERIFIED)
        yield found
