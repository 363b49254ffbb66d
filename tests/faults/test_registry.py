"""The registry under attack: many writers at once, and flipped bits."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import sqlite3
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.hubs import Nursery, Served
from tests.registries import Here, Office, There
from tests.servers import postgresql, postgresql_programs

from ketch.errors import KetchError, Refused
from ketch.hub.access import Identity, Role, Tokens
from ketch.registry import Share, check_registry, open_database

pytestmark = pytest.mark.faults

PROCESSES, ROUNDS = 8, 15
FLIPS = 3_000


@pytest.fixture(
    params=[
        "file",
        pytest.param("postgresql", marks=pytest.mark.servers),
        pytest.param("hub", marks=pytest.mark.servers),
    ]
)
def url(
    request: pytest.FixtureRequest, tmp_path: Path, missing: Callable[[str], None]
) -> Iterator[str]:
    """Where the registry is, for every process alike."""
    if request.param == "file":
        yield f"sqlite:///{tmp_path / 'registry.db'}"
        return
    if request.param == "hub":
        with contextlib.closing(Nursery()) as nursery, nursery.hub(tmp_path / "hub") as served:
            yield served.url
        return
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    with postgresql(programs, tmp_path) as address:
        yield address


def office_at(url: str, folder: Path) -> Office:
    """Return the registry that all processes share."""
    if url.startswith("http"):
        return Office(There(Served(url, folder / "hub")))
    return Office(Here(open_database(url)))


def work(url: str, number: int, log: Path) -> None:
    """Publish, promote and roll back with all the others; write down what came of it."""
    office, person = office_at(url, log.parent), f"p{number}"
    desk = office.at(person)
    for name in ("shop:1.0.0", "shop:1.1.0"):
        office.package(name)
    mine = office.package("shop:9.0.0", actor=person, description=f"By {number}.")
    with log.open("w") as file:

        def attempt(what: str, act: Callable[[], Any]) -> None:
            began = time.monotonic()
            try:
                event = act()
                result = {"seq": event.seq, "revision": event.revision, "body": dict(event.body)}
            except Refused as refused:
                result = {"refused": refused.code}
            result |= {"what": what, "began": began, "ended": time.monotonic(), "by": number}
            file.write(json.dumps(result) + "\n")

        attempt("publish", lambda: office.put(mine, actor=person))
        for turn in range(ROUNDS):
            seen = desk.route("greetings")
            share = Share(10_000 * (1 + turn % 9))
            how: dict[str, Any] = {"share": share, "actor": person, "expected": seen.revision}
            attempt("promote", partial(office.promote, "shop:1.1.0", "limited", **how))
            attempt("roll back", lambda: desk.roll_back("greetings"))
            read = desk.route("greetings")
            entry = {"what": "read", "revision": read.revision, "seen": seen.revision}
            file.write(json.dumps({**entry, "by": number, "ended": time.monotonic()}) + "\n")
    office.close()


def test_many_writers_lose_nothing_and_read_nothing_stale(url: str, tmp_path: Path) -> None:
    office = office_at(url, tmp_path)
    office.in_prod("shop:1.0.0")
    office.publish("shop:1.1.0")
    began = office.at().route("greetings").revision
    context = multiprocessing.get_context("spawn")
    logs = [tmp_path / f"log{number}" for number in range(PROCESSES)]
    workers = [
        context.Process(target=work, args=(url, number, log)) for number, log in enumerate(logs)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * PROCESSES
    done = [json.loads(line) for log in logs for line in log.read_text().splitlines()]

    published = [one for one in done if one["what"] == "publish"]
    assert [one.get("refused") for one in published].count(None) == 1
    assert {one["refused"] for one in published if "refused" in one} == {"version/taken"}

    changes = sorted(
        (one for one in done if one["what"] in ("promote", "roll back") and "seq" in one),
        key=lambda one: one["seq"],
    )
    # Every acknowledged change has a revision of its own, without gaps: nothing is lost.
    assert [one["revision"] for one in changes] == list(range(began + 1, began + 1 + len(changes)))
    # An event that ended before another began stands before it: nobody decided on the past.
    for earlier in changes:
        for later in changes:
            if earlier["ended"] < later["began"]:
                assert earlier["seq"] < later["seq"]
    # Who reads after a change was acknowledged sees it.
    for read in (one for one in done if one["what"] == "read"):
        acknowledged = [
            one["revision"]
            for one in changes
            if one["by"] == read["by"] and one["ended"] <= read["ended"]
        ]
        assert read["revision"] >= max(acknowledged, default=0)
    assert {one["refused"] for one in done if "refused" in one} <= {
        "version/taken",
        "route/moved",
        "rollback/nothing",
    }
    assert check_registry(office.database).is_clean
    office.close()


def visible(path: Path) -> object:
    """Return all that a reader can see of a registry."""
    database = open_database(f"sqlite:///{path}")
    try:
        desk = Office(Here(database)).at()
        routes = [route.to_json() for route in desk.routes()]
        versions = [one.to_json() for one in desk.versions(limit=1000).items]
        events = [event.to_json() for event in desk.history(limit=1000)]
        tokens = [(one.to_json(), one.identity) for one in Tokens(database).listed()]
        return routes, versions, events, tokens
    finally:
        database.close()


def test_every_flipped_bit_that_a_reader_could_see_is_found(tmp_path: Path) -> None:
    path = tmp_path / "registry.db"
    office = Office(Here(open_database(f"sqlite:///{path}")))
    office.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
    office.publish("shop:1.3.0")
    office.approve("shop:1.3.0")
    office.at().roll_back("greetings", reason="conversion fell")
    tokens = Tokens(office.database)
    for person in ("ana", "ben"):
        made, _ = tokens.create(Identity(person, Role.OPERATOR, ("shop*",)), by="otto", days=7)
    tokens.revoke(made.id, by="otto")
    with contextlib.closing(sqlite3.connect(path)) as beside:
        beside.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    office.close()
    before, content = visible(path), path.read_bytes()
    random, missed, seen = Random(7), [], 0
    damaged = tmp_path / "damaged.db"
    for _ in range(FLIPS):
        at, mask = random.randrange(len(content)), 1 << random.randrange(8)
        changed = bytearray(content)
        changed[at] ^= mask
        for left in tmp_path.glob("damaged.db*"):
            left.unlink()
        damaged.write_bytes(changed)
        try:
            if visible(damaged) == before:
                continue
            seen += 1
            with contextlib.closing(open_database(f"sqlite:///{damaged}")) as database:
                if check_registry(database).is_clean:
                    missed.append((at, mask))
        except KetchError:
            continue  # told at once, in words
    assert missed == []
    assert seen > FLIPS // 40, "of a bit that no page uses a reader sees nothing"
