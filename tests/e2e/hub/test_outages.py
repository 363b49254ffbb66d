"""A hub that is killed, and one whose registry is a server: nothing is lost, nothing is told twice
as two things."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.hubs import hub
from tests.registries import Here, Office, made
from tests.servers import postgresql, postgresql_programs
from tests.unit.hub.webhooks.test_courier import Receiver, receiving

from ketch.hub.inside import opened
from ketch.hub.webhooks import Webhooks
from ketch.package import Reference
from ketch.registry import check_registry, open_database
from ketch.registry.hub import HubDesk, connect

pytestmark = pytest.mark.servers


def publish(desk: HubDesk, upload: Callable[..., None], token: str, reference: str) -> None:
    package, store = made(reference)
    blobs = {one: store.read(one) for one in store.digests() if one != package.digest}
    upload(package, blobs, token)
    desk.publish(package.manifest.name, package.digest)


def test_a_killed_hub_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was acknowledged is there; webhooks are told of all of it, in order."""
    home = tmp_path / "hub"
    done = 0
    with receiving() as receiver:
        receiver.delay_s = 0.15  # so that some are on their way when the hub dies
        with opened(home) as inside:
            Webhooks(inside.database).add(receiver.url, kinds=["published"], private=True)
        for turn in range(3):
            with hub(home) as served:
                token = served.token("ana")
                with connect(served.url, token=token) as session:
                    desk = HubDesk(session)
                    for _ in range(3):
                        publish(desk, served.upload, token, f"shop:1.{done}.0")
                        done += 1
                    found = {one.reference for one in desk.versions(limit=50).items}
                    assert found == {f"shop:1.{number}.0" for number in range(done)}
                    if turn == 2:
                        wanted = [one.seq for one in desk.history(subject="package:shop")][::-1]
                        until = time.monotonic() + 20
                        while wanted[-1] not in receiver.seqs and time.monotonic() < until:
                            time.sleep(0.05)
                os.kill(served.pid, signal.SIGKILL)
        assert list(dict.fromkeys(receiver.seqs)) == wanted, "each in order, some more than once"
        assert receiver.seqs == sorted(receiver.seqs)
    with opened(home) as inside:
        assert check_registry(inside.database).is_clean


def test_of_two_hubs_one_tells_webhooks_and_the_other_when_that_is_killed(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    with (
        postgresql(programs, tmp_path) as url,
        receiving() as receiver,
        closing(Office(Here(open_database(url)))) as office,
    ):
        receiver.delay_s = 0.02
        Webhooks(office.database).add(receiver.url, kinds=["published"], private=True)
        with hub(tmp_path / "one", KETCH_REGISTRY=url) as one:
            told_by(receiver, office, 1)
            with hub(tmp_path / "two", KETCH_REGISTRY=url):
                told_by(receiver, office, 20)
                assert receiver.seqs == list(range(1, 21)), "each once, in order"
                os.kill(one.pid, signal.SIGKILL)
                told_by(receiver, office, 40)
                assert receiver.seqs == list(range(1, 41))


def test_a_hub_whose_connection_is_cut_tells_webhooks_as_soon_as_it_can(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    with (
        postgresql(programs, tmp_path) as url,
        receiving() as receiver,
        closing(Office(Here(open_database(url)))) as office,
    ):
        Webhooks(office.database).add(receiver.url, kinds=["published"], private=True)
        with hub(tmp_path / "hub", KETCH_REGISTRY=url):
            told_by(receiver, office, 1)
            with office.database.reading() as session:
                cut = session.all(
                    "SELECT application_name, pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name LIKE ? AND pid <> pg_backend_pid()",
                    "ketch%",
                )
            assert {name for name, _ in cut} == {"ketch", "ketch webhooks"}
            told_by(receiver, office, 3)
        assert list(dict.fromkeys(receiver.seqs)) == [1, 2, 3]


def told_by(receiver: Receiver, office: Office, last: int) -> None:
    """Publish until an event, and wait until it was told; and for another, if it came twice."""
    for number in range(office.at().head().seq, last):
        office.publish(f"shop:1.{number}.0")
    until = time.monotonic() + 30
    while last not in receiver.seqs and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.5)


def test_a_hub_is_ready_when_its_registry_and_its_store_answer(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    home = tmp_path / "hub"
    with postgresql(programs, tmp_path) as url:
        server = hub(home, KETCH_REGISTRY=url)
        served = server.__enter__()
        assert served.ask("GET", "/readyz").json == {"ready": True}
        (home / "store").rename(home / "away")
        answer = served.ask("GET", "/readyz")
        assert (answer.status, answer.json["detail"]) == (503, "the hub cannot answer this now")
        (home / "away").rename(home / "store")
        assert served.ask("GET", "/readyz").status == 200
    answer = served.ask("GET", "/readyz")
    assert (answer.status, answer.json["code"]) == (503, "registry/unavailable")
    assert b"postgresql" not in answer.content
    assert served.ask("GET", "/livez").json == {"alive": True}
    server.__exit__(None, None, None)


def test_a_hub_keeps_its_registry_on_a_server(
    tmp_path: Path, missing: Callable[[str], None]
) -> None:
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    with postgresql(programs, tmp_path) as url:
        with hub(tmp_path / "hub", KETCH_REGISTRY=url) as served:
            with opened(tmp_path / "hub", url) as inside:
                from ketch.hub.access import Identity, Role

                _, token = inside.tokens.create(Identity("ana", Role.ADMIN), by="root")
            with connect(served.url, token=token) as session:
                desk = HubDesk(session)
                publish(desk, served.upload, token, "shop:1.0.0")
                assert desk.resolve(Reference.parse("shop:1.0.0")).publisher == "ana"
                assert desk.audit().is_clean
            strange = served.ask("GET", "/api/v1/versions?search=%F0%9F%9A%A2'%25_%5C", token=token)
            assert strange.json["versions"] == []
        assert not (tmp_path / "hub" / "registry.db").exists()
