"""How a package came to answer: what the history says, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from tests.registries import Here, Office

from ketch.monitor.decisions.ids import Ids
from ketch.monitor.decisions.table import Recorded
from ketch.monitor.trace.standing import standing
from ketch.package import Digest, Reference
from ketch.registry import Share, open_database


@pytest.fixture
def office() -> Iterator[Office]:
    """A registry with `hello:1.0.0` in prod on `greetings`, an hour ago."""
    found = Office(Here(open_database("sqlite:///:memory:")))
    found.in_prod("hello:1.0.0")
    found.clock.pass_by(hours=1)
    yield found
    found.close()


def decided(package: str, digest: Digest, arm: str, at: datetime) -> Recorded:
    identity = Ids(lambda: int(at.timestamp() * 1e9)).new()
    empty = Recorded(*[""] * len(Recorded.__slots__))  # type: ignore[arg-type]
    return replace(
        empty, id=identity, route="greetings", package=package, digest=str(digest), arm=arm
    )


def limited(office: Office, share: int) -> None:
    office.promote("hello:1.1.0", "limited", share=Share(share))


def test_a_ramp_shows_who_began_it_and_who_set_the_share(office: Office) -> None:
    digest = office.publish("hello:1.1.0")
    limited(office, 10_000)
    office.clock.pass_by(hours=1)
    limited(office, 50_000)
    found = standing(decided("hello:1.1.0", digest, "limited", office.clock()), office.at())
    assert found.promotion is not None
    assert found.share is not None
    assert (found.promotion.body["share"], found.share.body["share"]) == (0.01, 0.05)
    assert (found.note, found.approver) == ("", None)


def test_a_gateway_that_had_not_followed_yet_is_told(office: Office) -> None:
    digest = office.publish("hello:1.1.0")
    limited(office, 10_000)
    office.promote("hello:1.1.0", "dev")
    found = standing(decided("hello:1.1.0", digest, "limited", office.clock()), office.at())
    assert found.promotion is not None
    assert "had not followed yet" in found.note


def test_a_gateway_whose_clock_is_behind_is_told(office: Office) -> None:
    digest = office.publish("hello:1.1.0")
    limited(office, 10_000)
    for behind, is_found in ((timedelta(minutes=1), True), (timedelta(hours=1), False)):
        at = office.clock() - behind
        found = standing(decided("hello:1.1.0", digest, "limited", at), office.at())
        assert (found.promotion is not None) is is_found
        assert ("clocks differ" in found.note) is is_found


def test_only_approvals_that_nobody_took_back_count(office: Office) -> None:
    digest = office.publish("hello:1.1.0")
    office.approve("hello:1.1.0", actor="ben", reason="first look")
    office.at("carl").reject(Reference.parse("hello:1.1.0"), reason="empty lists")
    office.approve("hello:1.1.0", actor="dora", reason="mended")
    office.promote("hello:1.1.0", "prod", override=True, reason="set up")
    found = standing(decided("hello:1.1.0", digest, "prod", office.clock()), office.at())
    assert [one.actor for one in found.approvals] == ["dora"]
    assert found.approver == "dora"


def test_bytes_that_nobody_published_have_no_promotion(office: Office) -> None:
    unknown = Digest.of(b"never published")
    found = standing(decided("hello:9.0.0", unknown, "prod", office.clock()), office.at())
    assert (found.promotion, found.version) == (None, None)
    assert "nobody published them" in found.note
