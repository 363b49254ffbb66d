"""Every backend of the registry keeps the same promises."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.hubs import Nursery
from tests.registries import NOON, VERIFIED, Here, Office, Place, There, schema
from tests.servers import postgresql, postgresql_programs

from ketch.errors import NotFound, Refused, UsageError
from ketch.package import PackageName, Reference, Stage
from ketch.registry import (
    Database,
    Event,
    Evidence,
    Gate,
    Head,
    LayerPart,
    Policy,
    Proof,
    Share,
    check_registry,
    open_database,
)
from ketch.registry.fsck import differences
from ketch.registry.rollouts import rollouts
from ketch.registry.sql import log
from ketch.registry.sql.migrate import migrate

BACKENDS = [
    "memory",
    "file",
    pytest.param("postgresql", marks=pytest.mark.servers),
    pytest.param("hub", marks=pytest.mark.servers),
]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]
) -> Iterator[str]:
    """A PostgreSQL server; each test gets a schema of its own in it."""
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    with postgresql(programs, tmp_path_factory.mktemp("postgresql")) as url:
        yield url


@pytest.fixture(params=BACKENDS)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """A registry on each backend; that of the hub is asked over HTTP."""
    with ExitStack() as held:
        place: Place
        match request.param:
            case "memory":
                place = Here(open_database("sqlite://"))
            case "file":
                place = Here(open_database(f"sqlite:///{tmp_path / 'registry.db'}"))
            case "hub":
                place = There(held.enter_context(_nursery(request).hub(tmp_path / "hub")))
            case _:
                place = Here(
                    open_database(_own_schema(request.getfixturevalue("server"), tmp_path.name))
                )
        office = held.enter_context(closing(Office(place)))
        yield office
        audit = office.at().audit()
        assert audit.is_clean, audit.findings
        assert check_registry(office.database) == audit


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Where hubs come from."""
    with closing(Nursery()) as found:
        yield found


def _nursery(request: pytest.FixtureRequest) -> Nursery:
    found: Nursery = request.getfixturevalue("nursery")
    return found


def _own_schema(url: str, name: str) -> str:
    import psycopg

    own = re.sub(r"\W", "_", name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{own}"'.encode())
    return f"{url}?options=-csearch_path%3D{own}"


def ref(text: str) -> Reference:
    return Reference.parse(text)


class TestVersions:
    def test_a_version_is_one_digest_for_ever(self, office: Office) -> None:
        digest = office.publish("shop:1.0.0")
        other = office.package("shop:1.0.0", description="Another.")
        with pytest.raises(Refused) as refused:
            office.put(other)
        assert refused.value.code == "version/taken"
        assert str(digest) in refused.value.message
        assert str(other.digest) in refused.value.message
        assert office.at().resolve(ref("shop:1.0.0")).digest == digest

    def test_publishing_the_same_again_changes_nothing(self, office: Office) -> None:
        package = office.package("shop:1.0.0")
        first = office.put(package)
        office.publish("shop:1.1.0")
        office.at("ben")  # who has a token, where tokens are
        end = office.at().head()
        assert office.put(package, actor="ben") == first
        assert office.at().head() == end

    def test_it_is_found_by_version_and_by_digest(self, office: Office) -> None:
        digest = office.publish("shop:1.0.0")
        for text in ("shop:1.0.0", f"shop@{digest}"):
            assert office.at().resolve(ref(text)).reference == "shop:1.0.0"
        with pytest.raises(NotFound, match="no `other@sha256"):
            office.at().resolve(ref(f"other@{digest}"))

    def test_what_is_not_there_is_named_with_what_is(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        with pytest.raises(NotFound) as problem:
            office.at().resolve(ref("shop:2.0.0"))
        assert problem.value.hint == "published are `shop:1.0.0`"
        with pytest.raises(NotFound) as problem:
            office.at().resolve(ref("shap:1.0.0"))
        assert problem.value.hint == "did you mean `shop:1.0.0`?"

    def test_a_withdrawn_version_stays_but_moves_no_more(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.at("ana").withdraw(ref("shop:1.0.0"), reason="wrong prices")
        assert office.at().resolve(ref("shop:1.0.0")).withdrawn == "wrong prices"
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.0.0", "staging")
        assert [one.code for one in refused.value.findings] == ["gate/published"]
        with pytest.raises(Refused, match="was withdrawn before"):
            office.at("ana").withdraw(ref("shop:1.0.0"), reason="again")

    def test_what_answers_is_not_withdrawn(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        with pytest.raises(Refused, match="answers at prod of `greetings`"):
            office.at("ana").withdraw(ref("shop:1.0.0"), reason="wrong")

    def test_a_withdrawal_needs_a_reason(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        with pytest.raises(UsageError, match="expected a reason"):
            office.at("ana").withdraw(ref("shop:1.0.0"), reason=" ")

    def test_another_owner_publishes_only_after_a_hand_over(self, office: Office) -> None:
        office.publish("shop:1.0.0", owner="growth@shop.example")
        with pytest.raises(Refused) as refused:
            office.publish("shop:1.1.0", owner="search@shop.example")
        assert refused.value.code == "version/owner"
        assert 'owner = "growth@shop.example"' in str(refused.value.hint)
        office.at("ana").hand_over(PackageName("shop"), "search@shop.example", reason="")
        office.publish("shop:1.1.0", owner="search@shop.example")
        assert office.at().resolve(ref("shop:1.0.0")).owner == "search@shop.example"

    def test_pages_tell_every_version_once_the_newest_first(self, office: Office) -> None:
        wanted = [f"shop:1.{minor}.0" for minor in range(7)]
        for reference in wanted:
            office.publish(reference)
        seen: list[str] = []
        after: int | None = None
        while True:
            page = office.at().versions(after=after, limit=3)
            seen += [one.reference for one in page.items]
            after = page.after
            if after is None:
                break
            office.publish(f"late:1.0.{len(seen)}")  # pages do not shift
        assert seen == wanted[::-1]

    def test_text_that_is_none_is_told(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        desk, foreign = office.at(), "a\udcff"  # a terminal of another encoding
        for ask in (
            lambda: desk.versions(search=foreign),
            lambda: desk.route(foreign),
            lambda: desk.history(subject=f"package:{foreign}"),
            lambda: desk.withdraw(ref("shop:1.0.0"), reason=foreign),
        ):
            with pytest.raises(UsageError) as problem:
                ask()
            assert problem.value.code == "registry/value"

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("SHOP", {"shop:1.0.0"}),
            ("greets 100%", {"other:1.0.0"}),
            ("_", set()),
            ("%", {"other:1.0.0"}),
            ("growth@", {"shop:1.0.0", "other:1.0.0"}),
            ("äpfel", {"shop:1.0.0"}),
            ("Äpfel", {"shop:1.0.0"}),
            ("'; DROP TABLE versions; --", set()),
        ],
    )
    def test_search_takes_text_as_text(self, office: Office, search: str, found: set[str]) -> None:
        office.publish("shop:1.0.0", description="Äpfel.", owner="growth@place.example")
        office.publish("other:1.0.0", description="Greets 100%.", owner="growth@place.example")
        page = office.at().versions(search=search)
        assert {one.reference for one in page.items} == found


class TestPromotion:
    def test_a_package_moves_up_stage_by_stage(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.promote("shop:1.1.0", "staging")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0), "staging": ("shop:1.1.0", 0.0)}
        office.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        assert office.arms() == {"prod": ("shop:1.0.0", 0.9), "limited": ("shop:1.1.0", 0.1)}
        office.judge("promote-ready")
        office.approve("shop:1.1.0")
        office.promote("shop:1.1.0", "prod")
        assert office.arms() == {"prod": ("shop:1.1.0", 1.0)}
        assert office.at().resolve(ref("shop@prod")).reference == "shop:1.1.0"

    def test_a_refusal_names_every_closed_gate_and_what_opens_it(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0", schema=schema({"name": "string"}, {"greeting": "string"}))
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", "prod", evidence=())
        codes = [one.code for one in refused.value.findings]
        assert codes == ["gate/verification", "gate/schema", "gate/experiment", "gate/approval"]
        assert all(one.hint for one in refused.value.findings)
        assert "`inputs.age`" in refused.value.findings[1].message
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_the_first_package_in_prod_needs_no_experiment(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.approve("shop:1.0.0")
        office.promote("shop:1.0.0", "prod")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    @pytest.mark.parametrize("stage", ["limited", "prod"])
    @pytest.mark.parametrize(
        ("unit", "says"),
        [
            ("nam", "`inputs.nam`: expected text or a whole number, the unit of the route, "),
            ("greeting", "found no such input"),
            ("score", "found `float64`"),
        ],
    )
    def test_a_package_takes_the_unit_of_its_route_or_stays_out(
        self, office: Office, unit: str, says: str, stage: str
    ) -> None:
        taken = schema({"name": "string", "score": "float64"}, {"greeting": "string"})
        office.publish("shop:1.0.0", schema=taken)
        office.publish("shop:1.1.0", schema=taken)
        office.promote("shop:1.0.0", "prod", override=True, reason="set up")
        rules = Policy(unit=unit, approvals=0, experiment=False)
        office.at().set_policy("greetings", rules)
        share = Share.parse("10%") if stage == "limited" else None
        office.promote("shop:1.1.0", "staging")
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", stage, share=share, override=True, reason="now")
        (finding,) = refused.value.findings
        assert finding.code == "gate/unit"
        assert says in finding.message
        assert ("did you mean `name`?" in str(finding.hint)) == (unit == "nam")
        office.at().set_policy("greetings", replace(rules, unit="name"))
        office.promote("shop:1.1.0", stage, share=share)

    def test_limited_needs_somebody_who_answers_the_rest(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.0.0", "limited", share=Share.parse("10%"))
        assert [one.code for one in refused.value.findings] == ["gate/rest"]

    def test_an_override_opens_what_people_and_experiments_keep(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        event = office.promote("shop:1.1.0", "prod", override=True, reason="1.0 is broken")
        assert event.body["override"] == ["experiment", "approval"]
        assert event.body["reason"] == "1.0 is broken"

    def test_an_override_needs_a_reason_and_opens_no_strict_gate(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        with pytest.raises(UsageError, match="expected a reason"):
            office.promote("shop:1.1.0", "prod", override=True)
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", "prod", override=True, reason="now", evidence=())
        assert [one.code for one in refused.value.findings] == ["gate/verification"]

    def test_a_growing_share_keeps_its_salt_and_a_new_rollout_draws_one(
        self, office: Office
    ) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.publish("shop:1.2.0")

        def salt_of(reference: str, share: str) -> object:
            office.promote(reference, "limited", share=Share.parse(share))
            arms = office.at().route("greetings").arms
            return next(arm.salt for arm in arms if arm.place == "limited")

        first = salt_of("shop:1.1.0", "10%")
        assert salt_of("shop:1.1.0", "20%") == first
        assert salt_of("shop:1.2.0", "20%") != first

    def test_dev_takes_a_package_off_the_route_but_not_out_of_prod(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.promote("shop:1.1.0", "staging")
        office.promote("shop:1.1.0", "dev")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}
        with pytest.raises(UsageError, match="not on `greetings`"):
            office.promote("shop:1.1.0", "dev")
        with pytest.raises(Refused, match="is in prod"):
            office.promote("shop:1.0.0", "dev")

    @pytest.mark.parametrize(
        ("stage", "share"), [("limited", None), ("limited", "0%"), ("prod", "10%")]
    )
    def test_only_limited_takes_a_share_and_it_needs_one(
        self, office: Office, stage: str, share: str | None
    ) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        with pytest.raises(UsageError, match="share"):
            office.promote("shop:1.1.0", stage, share=share and Share.parse(share))

    def test_a_caller_can_insist_on_the_revision_he_saw(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        seen = office.at().route("greetings").revision
        office.promote("shop:1.1.0", "staging", expected=seen)
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", "limited", share=Share.parse("5%"), expected=seen)
        assert refused.value.code == "route/moved"

    def test_a_package_without_a_route_needs_one_named(self, office: Office) -> None:
        office.publish("shop:1.0.0", route=None)
        with pytest.raises(UsageError, match="names no route"):
            office.promote("shop:1.0.0", "staging")
        office.promote("shop:1.0.0", "staging", route="elsewhere")
        assert office.arms("elsewhere") == {"staging": ("shop:1.0.0", 0.0)}

    def test_packages_of_different_names_serve_one_route(self, office: Office) -> None:
        office.in_prod("top-sellers:1.0.0", "shop:1.0.0")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}
        with pytest.raises(NotFound):
            office.at().resolve(ref("top-sellers@prod"))

    def test_a_stage_of_two_routes_with_two_versions_is_no_answer(self, office: Office) -> None:
        for version in ("1.0.0", "1.1.0"):
            office.publish(f"shop:{version}")
            office.promote(f"shop:{version}", "staging", route=f"r{version[2]}")
        with pytest.raises(UsageError, match=r"`shop:1\.0\.0` on `r0`, `shop:1\.1\.0` on `r1`"):
            office.at().resolve(ref("shop@staging"))


class TestFourEyes:
    def test_nobody_approves_an_own_package(self, office: Office) -> None:
        office.publish("shop:1.0.0", actor="ana")
        with pytest.raises(Refused) as refused:
            office.approve("shop:1.0.0", actor="ana")
        assert refused.value.code == "approval/own-package"

    @pytest.mark.parametrize(("days", "holds"), [(6.9, True), (7, False)])
    def test_an_approval_expires(self, office: Office, days: float, *, holds: bool) -> None:
        office.publish("shop:1.0.0")
        office.approve("shop:1.0.0")
        office.clock.pass_by(days=days)
        assert self.is_approved(office) == holds

    def test_new_evidence_voids_an_approval(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.approve("shop:1.0.0")
        other = (Evidence(Proof.VERIFICATION, passed=True, digest="sha256:" + "3" * 64),)
        assert self.is_approved(office)
        assert not self.is_approved(office, evidence=other)

    def test_an_approval_is_for_one_digest(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.publish("shop:1.0.1")
        office.approve("shop:1.0.0")
        assert not self.is_approved(office, reference="shop:1.0.1")

    def test_a_rejection_takes_approvals_back(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.approve("shop:1.0.0")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="not before Monday")
        assert not self.is_approved(office)

    def test_a_refusal_names_who_rejected_when_why_and_what_opens_it(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="not before Monday")
        office.clock.pass_by(hours=1)
        office.at("dan").reject(ref("shop:1.0.0"), reason="too\nslow")
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.0.0", "prod")
        (finding,) = refused.value.findings
        assert finding.message == (
            "rejected by cleo on 2026-03-03 12:00 UTC: not before Monday; "
            "rejected by dan on 2026-03-03 13:00 UTC: too slow"
        )
        assert "`ketch approve shop:1.0.0`" in str(finding.hint)
        found = office.at().route("greetings").rejections
        assert [(one.person, one.reason) for one in found] == [
            ("cleo", "not before Monday"),
            ("dan", "too\nslow"),
        ]

    def test_an_approval_takes_rejections_back(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="not before Monday")
        event = office.approve("shop:1.0.0", actor="ben")
        assert event.body["despite"] == ["cleo"], "which the history tells"
        assert self.is_approved(office)
        assert office.at().route("greetings").rejections == ()

    def test_a_rejection_is_for_one_digest_on_one_route(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.publish("shop:1.0.1")
        for reference in ("shop:1.0.0", "shop:1.0.1"):
            office.approve(reference)
        office.at("cleo").reject(ref("shop:1.0.1"), reason="no")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="no", route="elsewhere")
        assert self.is_approved(office)
        assert not self.is_approved(office, reference="shop:1.0.1")

    def test_a_rejection_holds_where_no_approval_is_asked_for(self, office: Office) -> None:
        office.at().set_policy("greetings", Policy(approvals=0, experiment=False))
        office.publish("shop:1.0.0")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="wrong prices")
        with pytest.raises(Refused, match="1 gate closed"):
            office.promote("shop:1.0.0", "prod")
        office.promote("shop:1.0.0", "prod", override=True, reason="prices are right")

    def test_what_was_rejected_after_it_held_prod_comes_back_by_rollback_alone(
        self, office: Office
    ) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="wrong prices")
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.0.0", "prod")
        assert [one.code for one in refused.value.findings] == ["gate/approval"]
        office.at().roll_back("greetings")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_a_policy_may_ask_for_two_people(self, office: Office) -> None:
        office.at("otto").set_policy("greetings", Policy(approvals=2))
        office.publish("shop:1.0.0")
        for _ in range(2):
            office.approve("shop:1.0.0", actor="ben")
        assert not self.is_approved(office)
        office.approve("shop:1.0.0", actor="cleo")
        assert self.is_approved(office)

    @staticmethod
    def is_approved(office: Office, reference: str = "shop:1.0.0", **how: Any) -> bool:
        office.knows(how.get("evidence", VERIFIED))
        found = office.at().gates(ref(reference), Stage.PROD)
        return next(gate.is_open for gate in found if gate.name == "approval")


BASELINE = Policy(baseline="top:1.0.0", baseline_share=Share.parse("5%"))


class TestRollback:
    def test_what_was_withdrawn_is_passed_by(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
        office.at("otto").withdraw(ref("shop:1.1.0"), reason="it leaks")
        office.at("otto").roll_back("greetings")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_what_was_withdrawn_comes_back_by_name_and_with_a_reason(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.at("otto").withdraw(ref("shop:1.0.0"), reason="it leaks")
        desk = office.at("otto")
        with pytest.raises(Refused) as refused:
            desk.roll_back("greetings", reason="conversion fell")
        assert refused.value.code == "rollback/nothing"
        assert "`shop:1.0.0`" in refused.value.message
        with pytest.raises(Refused) as refused:
            desk.roll_back("greetings", to=ref("shop:1.0.0"))
        assert refused.value.code == "rollback/withdrawn"
        desk.roll_back("greetings", to=ref("shop:1.0.0"), reason="the other one is down")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_nobody_approves_what_was_withdrawn(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.at("otto").withdraw(ref("shop:1.0.0"), reason="it leaks")
        with pytest.raises(Refused, match="was withdrawn: it leaks"):
            office.approve("shop:1.0.0")

    def test_prod_goes_back_to_what_held_it_before(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        event = office.at("otto").roll_back("greetings", reason="conversion fell")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}
        assert event.body["from"] == "shop:1.1.0"

    def test_twice_goes_further_back_and_never_forth(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
        for expected in ("shop:1.1.0", "shop:1.0.0"):
            office.at("otto").roll_back("greetings")
            assert office.arms() == {"prod": (expected, 1.0)}
        with pytest.raises(Refused) as refused:
            office.at("otto").roll_back("greetings")
        assert refused.value.code == "rollback/nothing"

    def test_a_limited_package_goes_first(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        office.at("otto").roll_back("greetings")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_to_a_named_package_that_held_prod(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
        office.at("otto").roll_back("greetings", to=ref("shop:1.0.0"))
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_never_to_the_package_that_is_there(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.promote("shop:1.0.0", "prod", reason="back")
        office.at("otto").withdraw(ref("shop:1.1.0"), reason="it leaks")
        with pytest.raises(Refused) as refused:
            office.at("otto").roll_back("greetings")
        assert refused.value.code == "rollback/nothing"
        assert office.at().route("greetings").revision == 3

    def test_said_again_it_comes_to_the_same_end(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
        for _ in range(2):
            office.at("otto").roll_back("greetings", to=ref("shop:1.1.0"))
        assert office.arms() == {"prod": ("shop:1.1.0", 1.0)}
        office.at("otto").roll_back("greetings")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_to_what_is_in_prod_ends_limited(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        office.at("otto").roll_back("greetings", to=ref("shop:1.0.0"))
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_never_to_a_package_that_did_not(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.publish("shop:1.2.0")
        with pytest.raises(Refused) as refused:
            office.at("otto").roll_back("greetings", to=ref("shop:1.2.0"))
        assert refused.value.code == "rollback/never-prod"

    def test_what_held_prod_comes_back_without_approval(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.promote("shop:1.0.0", "prod", reason="back")
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_of_a_route_nobody_knows(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        with pytest.raises(NotFound) as problem:
            office.at("otto").roll_back("greeting")
        assert problem.value.hint == "did you mean `greetings`?"
        with pytest.raises(NotFound) as problem:
            office.at("otto").route("shop")
        assert "`ketch history --package shop`" in str(problem.value.hint)


class TestBaseline:
    def test_it_keeps_its_share_through_every_promotion(self, office: Office) -> None:
        office.publish("top:1.0.0")
        office.approve("top:1.0.0")
        office.at("otto").set_policy("greetings", BASELINE)
        assert office.arms() == {"baseline": ("top:1.0.0", 1.0)}
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        shares = {place: share for place, (_, share) in office.arms().items()}
        assert shares == {"prod": 0.85, "limited": 0.1, "baseline": 0.05}
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", "limited", share=Share.parse("96%"))
        assert [one.code for one in refused.value.findings] == ["gate/rest"]

    def test_the_same_units_stay_held_out_whatever_the_baseline_becomes(
        self, office: Office
    ) -> None:
        for reference in ("top:1.0.0", "top:1.1.0"):
            office.publish(reference)
            office.approve(reference)

        def salt_of(policy: Policy) -> str | None:
            office.at("otto").set_policy("greetings", policy)
            arms = office.at().route("greetings").arms
            return next(arm.salt for arm in arms if arm.place == "baseline")

        first = salt_of(BASELINE)
        assert first
        assert salt_of(replace(BASELINE, baseline_share=Share.parse("7%"))) == first
        assert salt_of(replace(BASELINE, baseline="top:1.1.0")) == first
        office.in_prod("shop:1.0.0")
        arms = office.at().route("greetings").arms
        assert next(arm.salt for arm in arms if arm.place == "baseline") == first

    def test_it_stays_while_nobody_else_answers_the_rest(self, office: Office) -> None:
        office.publish("top:1.0.0")
        office.approve("top:1.0.0")
        office.at("otto").set_policy("greetings", BASELINE)
        office.publish("shop:1.0.0")
        office.promote("shop:1.0.0", "limited", share=Share.parse("10%"))
        with pytest.raises(Refused) as refused:
            office.at("otto").set_policy("greetings", Policy())
        assert refused.value.code == "policy/shares"
        assert office.arms() == {"limited": ("shop:1.0.0", 0.1), "baseline": ("top:1.0.0", 0.9)}

    def test_the_smallest_share_is_read_back(self, office: Office) -> None:
        office.publish("top:1.0.0")
        office.approve("top:1.0.0")
        policy = replace(BASELINE, baseline_share=Share(1))
        office.at("otto").set_policy("greetings", policy)
        assert office.at().route("greetings").policy == policy

    def test_a_baseline_must_be_published(self, office: Office) -> None:
        with pytest.raises(NotFound):
            office.at("otto").set_policy("greetings", BASELINE)

    def test_it_answers_live_traffic_and_passes_the_gates_of_prod(self, office: Office) -> None:
        office.publish("top:1.0.0", schema=schema({"name": "string"}, {"greeting": "string"}))
        office.in_prod("shop:1.0.0")
        office.at("otto").withdraw(ref("top:1.0.0"), reason="it leaks")
        office.knows(())
        with pytest.raises(Refused) as refused:
            office.at("otto").set_policy("greetings", BASELINE)
        assert [one.code for one in refused.value.findings] == [
            "gate/published",
            "gate/verification",
            "gate/schema",
            "gate/approval",
        ]
        assert office.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_one_that_answers_already_is_not_asked_again(self, office: Office) -> None:
        office.publish("top:1.0.0")
        office.approve("top:1.0.0")
        office.at("otto").set_policy("greetings", BASELINE)
        office.clock.pass_by(days=30)  # the approval held long enough
        office.at("otto").set_policy("greetings", replace(BASELINE, approvals=2))
        assert office.arms() == {"baseline": ("top:1.0.0", 1.0)}


class TestVerdicts:
    def test_the_newest_verdict_on_a_rollout_opens_prod_or_says_why_not(
        self, office: Office
    ) -> None:
        tried(office)
        assert gate(office).says == "no verdict on its rollout yet"
        office.approve("shop:1.1.0")
        office.judge("hold", evidence={"units": 12, "lift": [None, 0.5]}, reason="no data")
        assert not gate(office).is_open
        assert gate(office).says == "hold: 1,000 units."
        event = office.judge("promote-ready")
        assert gate(office).is_open
        verdict = office.at().route("greetings").verdict
        assert verdict is not None
        assert (verdict.person, verdict.time, verdict.package) == ("otto", event.time, "shop:1.1.0")
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", "prod")
        (finding,) = refused.value.findings
        assert "more is known since: ben" in finding.message  # who had not seen this verdict
        office.approve("shop:1.1.0")
        office.promote("shop:1.1.0", "prod")

    def test_a_verdict_ends_with_its_rollout(self, office: Office) -> None:
        tried(office)
        office.judge("promote-ready")
        old = office.verdict("hold")
        office.in_prod("shop:1.0.1")
        assert gate(office).says == "no verdict on its rollout yet"
        with pytest.raises(Refused) as refused:
            office.at().judge("greetings", old)
        assert refused.value.code == "rollout/over"
        current = office.verdict("hold")
        office.at().roll_back("greetings")
        assert office.at().route("greetings").verdicts == ()
        for verdict in (old, current):
            with pytest.raises(Refused, match="none is under way"):
                office.at().judge("greetings", verdict)

    def test_a_verdict_is_read_strictly_and_all_that_is_wrong_is_told(self, office: Office) -> None:
        tried(office)
        good = office.verdict("hold")
        changes: dict[str, object] = {
            "rollout": "ABC",
            "digest": "sha256:0",
            "action": "promote",
            "sentence": "two\nlines",
            "evidence": {"e": float("nan")},
            "reasn": "why",
        }
        with pytest.raises(UsageError) as wrong:
            office.at().judge("greetings", {**good, **changes})
        assert {str(one.where).rpartition(" ")[2] for one in wrong.value.findings} == {
            *(set(changes) - {"reasn"}),
            "verdict",
        }
        deep: object = 1
        for _ in range(12):
            deep = [deep]
        for change in (
            {"evidence": [1]},
            {"evidence": {"deep": deep}},
            {"evidence": {"long": "x" * 40_000}},
            {"evidence": {"text": "\udc80"}},
            {"digest": "sha256:" + "0" * 64},
            {"package": "shop:1.0.0"},
            {"sentence": "x" * 1_001},
        ):
            with pytest.raises(UsageError) as wrong:
                office.at().judge("greetings", {**good, **change})
            assert wrong.value.code == "rollout/verdict"
        assert office.at().route("greetings").verdict is None

    def test_drift_is_told_in_the_history_and_changes_nothing(self, office: Office) -> None:
        tried(office)
        before = office.at().route("greetings")
        digest = str(before.arms[0].digest)
        found = {"digest": digest, "fields": ["age"], "sentence": "Drift: age moved."}
        event = office.at().note_drift("greetings", {**found, "evidence": {"ks": 0.2}})
        assert office.at().history(limit=1) == (event,)
        assert (event.kind, event.body["package"]) == ("drifted", before.arms[0].package)
        after = office.at().route("greetings")
        assert (after.arms, after.rollout) == (before.arms, before.rollout)
        assert office.at().audit().findings == ()
        with pytest.raises(Refused) as gone:
            office.at().note_drift("greetings", {**found, "digest": "sha256:" + "0" * 64})
        assert gone.value.code == "drift/package"
        wrongs: tuple[dict[str, object], ...] = (
            {"fields": "age"},
            {"sentence": "two\nlines"},
            {"feilds": []},
            {"evidence": {"ks": float("nan")}},
        )
        for change in wrongs:
            with pytest.raises(UsageError) as wrong:
                office.at().note_drift("greetings", {**found, **change})
            assert wrong.value.code == "drift/finding"

    def test_a_rollback_keeps_the_numbers_it_was_done_on(self, office: Office) -> None:
        tried(office)
        seen = office.at().route("greetings").revision
        with pytest.raises(UsageError) as wrong:
            office.at().roll_back("greetings", evidence={"e": float("inf")})
        assert wrong.value.code == "rollout/verdict"
        event = office.at().roll_back("greetings", evidence={"e_value": 41.5}, expected=seen)
        assert event.body["evidence"] == {"e_value": 41.5}
        assert office.at().history(limit=1) == (event,)

    def test_history_tells_every_rollout_with_its_shares_and_how_it_ended(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ketch.registry.rollouts._PAGE", 2)
        office.at().set_policy("greetings", Policy(risk=0.1))
        tried(office)
        first = office.at().route("greetings").rollout
        office.clock.pass_by(days=1)
        office.promote("shop:1.1.0", "limited", share=Share.parse("20%"))
        office.at().set_policy("greetings", Policy(risk=0.2))
        office.judge("continue")
        office.clock.pass_by(days=1)
        office.in_prod("shop:1.0.1")
        second = office.at().route("greetings").rollout
        office.clock.pass_by(days=1)
        back = office.at().roll_back("greetings")
        new, old = rollouts(office.at(), "greetings")
        assert (old.id, new.id) == (first, second)
        assert (old.candidate.package, old.against.package) == ("shop:1.1.0", "shop:1.0.0")
        assert [str(share) for _, share in old.shares] == ["10%", "20%"]
        assert (old.policy.risk, new.policy.risk) == (0.1, 0.2)
        assert (new.began - old.began).days == 2
        assert (old.ended, new.ended, new.ended_by) == (new.began, back.time, back)
        (then,) = rollouts(office.at(), "greetings", until=NOON + timedelta(hours=1))
        assert (then.id, then.is_under_way, len(then.shares)) == (first, True, 1)


class TestLayers:
    def test_rollouts_of_two_routes_share_no_unit(self, office: Office) -> None:
        half, rest = LayerPart("search", 0, 500_000), LayerPart("search", 500_000, 1_000_000)
        for name, part in (("shop", half), ("other", rest)):
            route = f"{name}-route"
            for version in ("1.0.0", "1.1.0"):
                office.publish(f"{name}:{version}", route=route)
            office.promote(f"{name}:1.0.0", "prod", override=True, reason="set up")
            office.at().set_policy(route, Policy(layer=part))
            office.promote(f"{name}:1.1.0", "limited", share=Share.parse("40%"))
        layers = [
            next(arm.layer for arm in route.arms if arm.place == "limited")
            for route in office.at().routes()
        ]
        second, first = layers
        assert first is not None
        assert second is not None
        assert first.salt == second.salt
        assert (first.start, first.end, second.start) == (0, 500_000, 500_000)

    def test_a_part_that_another_route_has_is_refused_also_while_its_rollout_keeps_it(
        self, office: Office
    ) -> None:
        half, rest = LayerPart("search", 0, 500_000), LayerPart("search", 500_000, 1_000_000)
        office.at().set_policy("greetings", Policy(layer=half))
        tried(office)
        with pytest.raises(Refused) as refused:
            office.at().set_policy("other", Policy(layer=LayerPart("search", 400_000, 600_000)))
        assert refused.value.code == "policy/layer"
        assert "`greetings` has 0 to 0.5 of layer `search`" in refused.value.message
        office.at().set_policy("greetings", Policy(layer=rest))
        office.promote("shop:1.1.0", "limited", share=Share.parse("20%"))
        arm = next(one for one in office.at().route("greetings").arms if one.layer is not None)
        assert arm.layer is not None
        assert (arm.layer.start, arm.layer.end) == (0, 500_000)
        with pytest.raises(Refused, match="until its rollout ends"):
            office.at().set_policy("other", Policy(layer=half))
        office.at().roll_back("greetings")
        office.at().set_policy("other", Policy(layer=half))

    def test_a_share_fits_into_its_layer(self, office: Office) -> None:
        office.at().set_policy("greetings", Policy(layer=LayerPart("search", 0, 200_000)))
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        with pytest.raises(Refused) as refused:
            office.promote("shop:1.1.0", "limited", share=Share.parse("21%"))
        assert [one.code for one in refused.value.findings] == ["gate/rest"]
        office.promote("shop:1.1.0", "limited", share=Share.parse("20%"))
        office.publish("top:1.0.0", route="greetings")
        held_out = Policy(baseline="top:1.0.0", baseline_share=Share.parse("1%"), approvals=0)
        with pytest.raises(Refused, match="is too much"):
            office.at().set_policy("greetings", held_out)


def tried(office: Office) -> None:
    """Let ``shop:1.1.0`` be tried against ``shop:1.0.0``."""
    office.in_prod("shop:1.0.0")
    office.publish("shop:1.1.0")
    office.promote("shop:1.1.0", "limited", share=Share.parse("10%"))


def gate(office: Office) -> Gate:
    """Return the gate of the experiment before ``shop:1.1.0``."""
    found = office.at().gates(ref("shop:1.1.0"), Stage.PROD)
    return next(one for one in found if one.code == "gate/experiment")


class TestHistory:
    def test_what_was_in_prod_then(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        office.clock.pass_by(days=3)
        office.in_prod("shop:1.1.0")
        office.clock.pass_by(days=3)
        office.approve("shop:1.1.0")

        def then(**span: float) -> list[str]:
            arms = office.at().arms_at("greetings", NOON + timedelta(**span))
            return [arm.package for arm in arms]

        assert then(hours=-1) == []
        assert then(days=1) == ["shop:1.0.0"]
        assert then(days=3) == then(days=9) == ["shop:1.1.0"]

    def test_a_clock_that_goes_back_stands_still_in_the_log(self, office: Office) -> None:
        office.publish("shop:1.0.0")
        office.clock.pass_by(days=-1)
        office.publish("shop:1.1.0")
        times = [event.time for event in office.at().history(limit=2)]
        assert times == [NOON, NOON]

    def test_it_is_told_page_by_page(self, office: Office) -> None:
        office.at()  # who has a token, where tokens are
        for minor in range(5):
            office.publish(f"shop:1.{minor}.0")
        first = office.at().history(limit=3)
        rest = office.at().history(limit=2, before=first[-1].seq)
        last = first[0].seq
        assert [event.seq for event in (*first, *rest)] == [last - back for back in range(5)]
        assert {event.kind for event in (*first, *rest)} == {"published"}

    def test_that_of_a_package_has_all_that_happened_to_its_versions(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log, "_CHUNK", 1)
        office.in_prod("shop:1.0.0")
        office.publish("shop-two:1.0.0")  # its name begins the same
        office.promote("shop-two:1.0.0", "staging", reason='not "package":"shop:1.0.0"')
        office.publish("shop:1.1.0")
        office.approve("shop:1.1.0")
        office.at("ben").reject(Reference.parse("shop:1.1.0"), reason="not yet")
        office.promote("shop:1.1.0", "prod", override=True, reason="now")
        office.at().roll_back("greetings", reason="it was not")
        office.at().withdraw(Reference.parse("shop:1.1.0"), reason="broken")

        def told(before: int | None = None, limit: int = 50) -> list[Event]:
            desk = office.at()
            return list(desk.history(subject="package:shop", before=before, limit=limit))

        whole = told()
        kinds = "withdrawn rolled-back promoted rejected approved published promoted published"
        assert [str(event.kind) for event in whole] == kinds.split()
        paged: list[Event] = []
        while page := told(paged[-1].seq if paged else None, limit=2):
            paged += page
        assert paged == whole
        until = office.at().history(subject="package:shop", until=NOON, limit=2)
        assert list(until) == whole[:2]
        assert office.at().history(subject="package:shop", until=NOON - timedelta(days=1)) == ()
        assert office.at().history(subject="package:sho") == ()
        assert office.at().history(subject="package:%") == ()

    def test_an_event_tells_who_what_and_why(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        event = office.at().history(subject="route:greetings")[0].to_json()
        assert (event["actor"], event["kind"], event["revision"]) == ("otto", "promoted", 1)
        assert isinstance(event["body"], dict)
        assert event["body"]["reason"] == "set up"
        assert event["body"]["evidence"].startswith("sha256:")


class TestAudit:
    def test_a_head_kept_elsewhere_is_part_of_the_log(self, office: Office) -> None:
        office.in_prod("shop:1.0.0")
        kept = office.at().head()
        office.in_prod("shop:1.1.0")
        assert check_registry(office.database, checkpoint=kept).is_clean
        other = Head(kept.seq, "0" * 64, kept.time)
        audit = check_registry(office.database, checkpoint=other)
        assert [one.code for one in audit.findings] == ["registry/other-log"]

    @pytest.mark.parametrize(
        ("statement", "code"),
        [
            ("UPDATE events SET actor = 'eve' WHERE seq = 2", "registry/broken-log"),
            ("UPDATE events SET hash = 'x' WHERE seq = 3", "registry/broken-log"),
            ("UPDATE versions SET digest = 'sha256:' || digest", "registry/other-state"),
            ("UPDATE arms SET share = share - 1", "registry/other-state"),
            ("DELETE FROM held", "registry/other-state"),
            ("INSERT INTO held VALUES ('greetings', 'sha256:0')", "registry/other-state"),
            ("UPDATE routes SET policy = '{}'", "registry/other-state"),
            ("UPDATE packages SET owner = 'eve'", "registry/other-state"),
            ("UPDATE rejections SET person = 'eve'", "registry/other-state"),
            ("DELETE FROM rejections", "registry/other-state"),
            ("UPDATE verdicts SET action = 'promote-ready'", "registry/other-state"),
            ("UPDATE layers SET salt = 'mine'", "registry/other-state"),
            ("UPDATE arms SET layer = NULL", "registry/other-state"),
        ],
    )
    def test_what_is_changed_behind_its_back_is_found(
        self, office: Office, statement: str, code: str
    ) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.at("cleo").reject(ref("shop:1.0.0"), reason="wrong prices")
        office.at().set_policy("greetings", Policy(layer=LayerPart("search", 0, 500_000)))
        office.publish("shop:1.2.0")
        office.promote("shop:1.2.0", "limited", share=Share.parse("10%"))
        office.judge("hold")
        assert code in _found_after(office.database, statement)

    def test_a_registry_of_the_shape_before_is_derived_anew(self, office: Office) -> None:
        office.in_prod("shop:1.0.0", "shop:1.1.0")
        office.approve("shop:1.1.0")
        office.at("cleo").reject(ref("shop:1.1.0"), reason="no")
        office.approve("shop:1.0.0")
        before = office.at().routes()
        with office.database.writing() as session:
            for table in ("rejections", "verdicts", "layers"):
                session.run(f"DROP TABLE {table}")
            session.run("ALTER TABLE arms DROP COLUMN layer")
            session.run("UPDATE shape SET number = 2")
        migrate(office.database)
        assert office.at().routes() == before
        assert check_registry(office.database).is_clean

    def test_packages_without_their_bytes_are_named(self, office: Office) -> None:
        digest = office.publish("shop:1.0.0")
        audit = check_registry(office.database, has_blob=lambda one: one != digest)
        assert [(one.code, one.where) for one in audit.findings] == [
            ("registry/no-bytes", str(digest))
        ]


class _Undone(Exception):
    """Takes a change back."""


def _found_after(database: Database, statement: str) -> set[str]:
    """Return what is found after a change that nobody but this transaction sees."""
    found: set[str] = set()
    with contextlib.suppress(_Undone), database.writing() as session:
        session.run(statement)
        found = {one.code for one in differences(session, None, None)}
        raise _Undone
    return found
