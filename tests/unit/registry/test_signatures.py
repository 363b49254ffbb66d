"""A route may ask whose key is on a package: any stage a publisher's, prod an approver's too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.registries import Here, Office

from ketch.errors import Refused
from ketch.package import Reference, Stage, open_package
from ketch.registry import Evidence, LocalDesk, Policy, Proof, Share, open_database
from ketch.registry.gates import Candidate
from ketch.signing import PrivateKey, attach, sign

ANA, BEN, EVE = (PrivateKey.generate() for _ in range(3))
KEYS = Policy(
    approvals=0,
    experiment=False,
    publishers={"ana": ANA.public.fingerprint},
    approvers={"ben": BEN.public.fingerprint},
)
VERIFICATION = Evidence(Proof.VERIFICATION, passed=True, digest="sha256:" + "1" * 64)


@pytest.fixture
def here() -> Here:
    return Here(open_database("sqlite://"))


@pytest.fixture
def office(here: Here) -> Office:
    found = Office(here)
    found.publish("shop:1.0.0")
    found.at().set_policy("greetings", KEYS)
    return found


def at(here: Here) -> LocalDesk:
    """Return a desk that reads signatures in the store, and takes verification as given."""
    from ketch.registry.desk import evidence

    return LocalDesk(
        here.registry,
        here.store,
        "otto",
        known=lambda digest: (VERIFICATION, *evidence(digest, here.store)),
    )


def signed(
    here: Here,
    key: PrivateKey,
    *,
    known_as: PrivateKey | None = None,
    package: str = "shop:1.0.0",
) -> None:
    digest = here.registry.resolve(Reference.parse(package)).digest
    found = open_package(digest, here.store)
    attach(sign(found, key), (known_as or key).public, found, here.store)


def promoted(here: Here, stage: str, **how: object) -> Mapping[str, str] | None:
    """Promote; return the closed gates, and what opens them."""
    try:
        at(here).promote(Reference.parse("shop:1.0.0"), Stage(stage), **how)  # type: ignore[arg-type]
    except Refused as problem:
        return {one.code: one.hint or "" for one in problem.findings}
    return None


def test_every_stage_asks_for_a_known_publisher(here: Here, office: Office) -> None:
    opens = "`ketch sign shop:1.0.0 --key …`, by ana; a hub learns of it by `ketch push`"
    assert promoted(here, "staging") == {"gate/publisher-signature": opens}
    signed(here, EVE)
    assert promoted(here, "staging") == {"gate/publisher-signature": opens}
    signed(here, ANA)
    assert promoted(here, "staging") is None


def test_prod_asks_for_an_approver_too(here: Here, office: Office) -> None:
    signed(here, ANA)
    assert promoted(here, "prod") == {
        "gate/approver-signature": (
            "`ketch sign shop:1.0.0 --key …`, by ben; a hub learns of it by `ketch push`"
        )
    }
    signed(here, BEN)
    assert promoted(here, "prod") is None


def test_one_person_is_not_two(here: Here, office: Office) -> None:
    """Whoever stands in both lists gives one of the two signatures, under any name or key."""
    ana, ben = ANA.public.fingerprint, BEN.public.fingerprint
    for publishers, approvers in (
        ({"ana": ana}, {"ana": ana, "ben": ben}),
        ({"carl": ana}, {"carl": ana, "ben": ben}),
        ({"carl": ana}, {"dora": ana, "ben": ben}),
    ):
        office.at().set_policy(
            "greetings", replace(KEYS, publishers=publishers, approvers=approvers)
        )
        signed(here, ANA)
        assert set(promoted(here, "prod") or ()) == {"gate/approver-signature"}, publishers
    signed(here, BEN)
    assert promoted(here, "prod") is None


def test_a_second_key_makes_no_second_person(here: Here, office: Office) -> None:
    eve = EVE.public.fingerprint
    policy = replace(KEYS, publishers={"carl": ANA.public.fingerprint}, approvers={"carl": eve})
    office.at().set_policy("greetings", policy)
    signed(here, ANA)
    signed(here, EVE)
    assert promoted(here, "prod") == {
        "gate/approver-signature": (
            "`ketch sign shop:1.0.0 --key …`, by an approver who did not publish it; "
            "a hub learns of it by `ketch push`"
        )
    }


def test_two_who_may_both_sign_for_each_other(here: Here, office: Office) -> None:
    both = {"carl": ANA.public.fingerprint, "dora": BEN.public.fingerprint}
    office.at().set_policy("greetings", replace(KEYS, publishers=both, approvers=both))
    signed(here, BEN)
    assert set(promoted(here, "prod") or ()) == {"gate/approver-signature"}
    signed(here, ANA)
    assert promoted(here, "prod") is None


def test_no_override_opens_a_signature(here: Here, office: Office) -> None:
    closed = promoted(here, "prod", override=True, reason="we are in a hurry")
    assert closed is not None
    assert set(closed) == {"gate/publisher-signature", "gate/approver-signature"}


def test_a_borrowed_key_counts_for_nobody(here: Here, office: Office) -> None:
    signed(here, EVE, known_as=ANA)
    assert promoted(here, "staging") is not None


def test_a_route_without_keys_asks_for_none(here: Here, office: Office) -> None:
    office.at().set_policy("greetings", Policy())
    assert promoted(here, "staging") is None


def test_limited_asks_for_a_publisher_only(here: Here, office: Office) -> None:
    policy = replace(KEYS, baseline="plain:1.0.0", baseline_share=Share.parse("5%"))
    office.publish("plain:1.0.0")
    with pytest.raises(Refused) as refused:
        at(here).set_policy("greetings", policy)
    codes = [one.code for one in refused.value.findings]
    assert codes == ["gate/publisher-signature", "gate/approver-signature"]
    for key in (ANA, BEN):
        signed(here, key, package="plain:1.0.0")
    at(here).set_policy("greetings", policy)
    assert promoted(here, "limited", share=Share.parse("10%")) is not None
    signed(here, ANA)
    assert promoted(here, "limited", share=Share.parse("10%")) is None


def test_one_more_signature_leaves_approvals_as_they_are(here: Here, office: Office) -> None:
    version = office.at().resolve(Reference.parse("shop:1.0.0"))
    schema = office.package("shop:1.0.0").manifest.schema
    before, after = (
        Candidate(version.reference, version.digest, "ana", None, schema, evidence)
        for evidence in (
            (VERIFICATION,),
            (VERIFICATION, Evidence(Proof.SIGNATURE, passed=True, digest="a1" * 32)),
        )
    )
    assert before.evidence_digest == after.evidence_digest
