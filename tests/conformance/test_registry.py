"""Every backend of the registry keeps the same promises."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.registries import NOON, TRIED, VERIFIED, Desk, schema
from tests.servers import postgresql, postgresql_programs

from ketch.errors import NotFound, Refused, UsageError
from ketch.package import PackageName, Reference, Stage
from ketch.registry import (
    Database,
    Evidence,
    Head,
    Policy,
    Proof,
    Share,
    check_registry,
    open_database,
)
from ketch.registry.fsck import differences

BACKENDS = ["memory", "file", pytest.param("postgresql", marks=pytest.mark.servers)]


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
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """A registry on each backend."""
    match request.param:
        case "memory":
            url = "sqlite://"
        case "file":
            url = f"sqlite:///{tmp_path / 'registry.db'}"
        case _:
            url = _own_schema(request.getfixturevalue("server"), tmp_path.name)
    database = open_database(url)
    yield Desk(database)
    audit = check_registry(database)
    assert audit.is_clean, audit.findings
    database.close()


def _own_schema(url: str, name: str) -> str:
    import psycopg

    own = re.sub(r"\W", "_", name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{own}"'.encode())
    return f"{url}?options=-csearch_path%3D{own}"


def ref(text: str) -> Reference:
    return Reference.parse(text)


class TestVersions:
    def test_a_version_is_one_digest_for_ever(self, desk: Desk) -> None:
        digest = desk.publish("shop:1.0.0")
        other = desk.package("shop:1.0.0", description="Another.")
        with pytest.raises(Refused) as refused:
            desk.registry.publish(other, actor="ana")
        assert refused.value.code == "version/taken"
        assert str(digest) in refused.value.message
        assert str(other.digest) in refused.value.message
        assert desk.registry.resolve(ref("shop:1.0.0")).digest == digest

    def test_publishing_the_same_again_changes_nothing(self, desk: Desk) -> None:
        package = desk.package("shop:1.0.0")
        first = desk.registry.publish(package, actor="ana")
        desk.publish("shop:1.1.0")
        assert desk.registry.publish(package, actor="ben") == first
        assert desk.registry.head().seq == 2

    def test_it_is_found_by_version_and_by_digest(self, desk: Desk) -> None:
        digest = desk.publish("shop:1.0.0")
        for text in ("shop:1.0.0", f"shop@{digest}"):
            assert desk.registry.resolve(ref(text)).reference == "shop:1.0.0"
        with pytest.raises(NotFound, match="no `other@sha256"):
            desk.registry.resolve(ref(f"other@{digest}"))

    def test_what_is_not_there_is_named_with_what_is(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        with pytest.raises(NotFound) as problem:
            desk.registry.resolve(ref("shop:2.0.0"))
        assert problem.value.hint == "published are `shop:1.0.0`"
        with pytest.raises(NotFound) as problem:
            desk.registry.resolve(ref("shap:1.0.0"))
        assert problem.value.hint == "did you mean `shop:1.0.0`?"

    def test_a_withdrawn_version_stays_but_moves_no_more(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        desk.registry.withdraw(ref("shop:1.0.0"), reason="wrong prices", actor="ana")
        assert desk.registry.resolve(ref("shop:1.0.0")).withdrawn == "wrong prices"
        with pytest.raises(Refused) as refused:
            desk.promote("shop:1.0.0", "staging")
        assert [one.code for one in refused.value.findings] == ["gate/published"]
        with pytest.raises(Refused, match="was withdrawn before"):
            desk.registry.withdraw(ref("shop:1.0.0"), reason="again", actor="ana")

    def test_what_answers_is_not_withdrawn(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        with pytest.raises(Refused, match="answers at prod of `greetings`"):
            desk.registry.withdraw(ref("shop:1.0.0"), reason="wrong", actor="ana")

    def test_a_withdrawal_needs_a_reason(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        with pytest.raises(UsageError, match="expected a reason"):
            desk.registry.withdraw(ref("shop:1.0.0"), reason=" ", actor="ana")

    def test_another_owner_publishes_only_after_a_hand_over(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0", owner="growth@shop.example")
        with pytest.raises(Refused) as refused:
            desk.publish("shop:1.1.0", owner="search@shop.example")
        assert refused.value.code == "version/owner"
        desk.registry.hand_over(PackageName("shop"), "search@shop.example", reason="", actor="ana")
        desk.publish("shop:1.1.0", owner="search@shop.example")
        assert desk.registry.resolve(ref("shop:1.0.0")).owner == "search@shop.example"

    def test_pages_tell_every_version_once_the_newest_first(self, desk: Desk) -> None:
        wanted = [f"shop:1.{minor}.0" for minor in range(7)]
        for reference in wanted:
            desk.publish(reference)
        seen: list[str] = []
        after: int | None = None
        while True:
            page = desk.registry.versions(after=after, limit=3)
            seen += [one.reference for one in page.items]
            after = page.after
            if after is None:
                break
            desk.publish(f"late:1.0.{len(seen)}")  # pages do not shift
        assert seen == wanted[::-1]

    @pytest.mark.parametrize(
        ("search", "found"),
        [
            ("SHOP", {"shop:1.0.0"}),
            ("greets 100%", {"other:1.0.0"}),
            ("_", set()),
            ("%", {"other:1.0.0"}),
            ("growth@", {"shop:1.0.0", "other:1.0.0"}),
            ("'; DROP TABLE versions; --", set()),
        ],
    )
    def test_search_takes_text_as_text(self, desk: Desk, search: str, found: set[str]) -> None:
        desk.publish("shop:1.0.0", description="Plain.", owner="growth@place.example")
        desk.publish("other:1.0.0", description="Greets 100%.", owner="growth@place.example")
        page = desk.registry.versions(search=search)
        assert {one.reference for one in page.items} == found


class TestPromotion:
    def test_a_package_moves_up_stage_by_stage(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        desk.promote("shop:1.1.0", "staging")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0), "staging": ("shop:1.1.0", 0.0)}
        desk.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        assert desk.arms() == {"prod": ("shop:1.0.0", 0.9), "limited": ("shop:1.1.0", 0.1)}
        desk.approve("shop:1.1.0", evidence=TRIED)
        desk.promote("shop:1.1.0", "prod", evidence=TRIED)
        assert desk.arms() == {"prod": ("shop:1.1.0", 1.0)}
        assert desk.registry.resolve(ref("shop@prod")).reference == "shop:1.1.0"

    def test_a_refusal_names_every_closed_gate_and_what_opens_it(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0", schema=schema({"name": "string"}, {"greeting": "string"}))
        with pytest.raises(Refused) as refused:
            desk.promote("shop:1.1.0", "prod", evidence=())
        codes = [one.code for one in refused.value.findings]
        assert codes == ["gate/verification", "gate/schema", "gate/experiment", "gate/approval"]
        assert all(one.hint for one in refused.value.findings)
        assert "`inputs.age`" in refused.value.findings[1].message
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_the_first_package_in_prod_needs_no_experiment(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        desk.approve("shop:1.0.0")
        desk.promote("shop:1.0.0", "prod")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_limited_needs_somebody_who_answers_the_rest(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        with pytest.raises(Refused) as refused:
            desk.promote("shop:1.0.0", "limited", share=Share.parse("10%"))
        assert [one.code for one in refused.value.findings] == ["gate/rest"]

    def test_an_override_opens_what_people_and_experiments_keep(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        event = desk.promote("shop:1.1.0", "prod", override=True, reason="1.0 is broken")
        assert event.body["override"] == ["experiment", "approval"]
        assert event.body["reason"] == "1.0 is broken"

    def test_an_override_needs_a_reason_and_opens_no_strict_gate(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        with pytest.raises(UsageError, match="expected a reason"):
            desk.promote("shop:1.1.0", "prod", override=True)
        with pytest.raises(Refused) as refused:
            desk.promote("shop:1.1.0", "prod", override=True, reason="now", evidence=())
        assert [one.code for one in refused.value.findings] == ["gate/verification"]

    def test_a_growing_share_keeps_its_salt_and_a_new_rollout_draws_one(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        desk.publish("shop:1.2.0")

        def salt_of(reference: str, share: str) -> object:
            desk.promote(reference, "limited", share=Share.parse(share))
            arms = desk.registry.route("greetings").arms
            return next(arm.salt for arm in arms if arm.place == "limited")

        first = salt_of("shop:1.1.0", "10%")
        assert salt_of("shop:1.1.0", "20%") == first
        assert salt_of("shop:1.2.0", "20%") != first

    def test_dev_takes_a_package_off_the_route_but_not_out_of_prod(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        desk.promote("shop:1.1.0", "staging")
        desk.promote("shop:1.1.0", "dev")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}
        with pytest.raises(UsageError, match="not on `greetings`"):
            desk.promote("shop:1.1.0", "dev")
        with pytest.raises(Refused, match="is in prod"):
            desk.promote("shop:1.0.0", "dev")

    @pytest.mark.parametrize(
        ("stage", "share"), [("limited", None), ("limited", "0%"), ("prod", "10%")]
    )
    def test_only_limited_takes_a_share_and_it_needs_one(
        self, desk: Desk, stage: str, share: str | None
    ) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        with pytest.raises(UsageError, match="share"):
            desk.promote("shop:1.1.0", stage, share=share and Share.parse(share))

    def test_a_caller_can_insist_on_the_revision_he_saw(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        seen = desk.registry.route("greetings").revision
        desk.promote("shop:1.1.0", "staging", expected=seen)
        with pytest.raises(Refused) as refused:
            desk.promote("shop:1.1.0", "limited", share=Share.parse("5%"), expected=seen)
        assert refused.value.code == "route/moved"

    def test_a_package_without_a_route_needs_one_named(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0", route=None)
        with pytest.raises(UsageError, match="names no route"):
            desk.promote("shop:1.0.0", "staging")
        desk.promote("shop:1.0.0", "staging", route="elsewhere")
        assert desk.arms("elsewhere") == {"staging": ("shop:1.0.0", 0.0)}

    def test_packages_of_different_names_serve_one_route(self, desk: Desk) -> None:
        desk.in_prod("top-sellers:1.0.0", "shop:1.0.0")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}
        with pytest.raises(NotFound):
            desk.registry.resolve(ref("top-sellers@prod"))

    def test_a_stage_of_two_routes_with_two_versions_is_no_answer(self, desk: Desk) -> None:
        for version in ("1.0.0", "1.1.0"):
            desk.publish(f"shop:{version}")
            desk.promote(f"shop:{version}", "staging", route=f"r{version[2]}")
        with pytest.raises(UsageError, match=r"`shop:1\.0\.0` on `r0`, `shop:1\.1\.0` on `r1`"):
            desk.registry.resolve(ref("shop@staging"))


class TestFourEyes:
    def test_nobody_approves_an_own_package(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0", actor="ana")
        with pytest.raises(Refused) as refused:
            desk.approve("shop:1.0.0", actor="ana")
        assert refused.value.code == "approval/own-package"

    @pytest.mark.parametrize(("days", "holds"), [(6.9, True), (7, False)])
    def test_an_approval_expires(self, desk: Desk, days: float, *, holds: bool) -> None:
        desk.publish("shop:1.0.0")
        desk.approve("shop:1.0.0")
        desk.clock.pass_by(days=days)
        assert self.is_approved(desk) == holds

    def test_new_evidence_voids_an_approval(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        desk.approve("shop:1.0.0")
        other = (Evidence(Proof.VERIFICATION, passed=True, digest="sha256:" + "3" * 64),)
        assert self.is_approved(desk)
        assert not self.is_approved(desk, evidence=other)

    def test_an_approval_is_for_one_digest(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        desk.publish("shop:1.0.1")
        desk.approve("shop:1.0.0")
        assert not self.is_approved(desk, reference="shop:1.0.1")

    def test_a_rejection_takes_approvals_back(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        desk.approve("shop:1.0.0")
        desk.registry.reject(ref("shop:1.0.0"), actor="cleo", reason="not before Monday")
        assert not self.is_approved(desk)

    def test_a_policy_may_ask_for_two_people(self, desk: Desk) -> None:
        desk.registry.set_policy("greetings", Policy(approvals=2), actor="otto")
        desk.publish("shop:1.0.0")
        for _ in range(2):
            desk.approve("shop:1.0.0", actor="ben")
        assert not self.is_approved(desk)
        desk.approve("shop:1.0.0", actor="cleo")
        assert self.is_approved(desk)

    @staticmethod
    def is_approved(desk: Desk, reference: str = "shop:1.0.0", **how: Any) -> bool:
        evidence = how.get("evidence", VERIFIED)
        found = desk.registry.gates(ref(reference), Stage.PROD, evidence=evidence)
        return next(gate.is_open for gate in found if gate.name == "approval")


class TestRollback:
    def test_prod_goes_back_to_what_held_it_before(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0", "shop:1.1.0")
        event = desk.registry.roll_back("greetings", actor="otto", reason="conversion fell")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}
        assert event.body["from"] == "shop:1.1.0"

    def test_twice_goes_further_back_and_never_forth(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
        for expected in ("shop:1.1.0", "shop:1.0.0"):
            desk.registry.roll_back("greetings", actor="otto")
            assert desk.arms() == {"prod": (expected, 1.0)}
        with pytest.raises(Refused) as refused:
            desk.registry.roll_back("greetings", actor="otto")
        assert refused.value.code == "rollback/nothing"

    def test_a_limited_package_goes_first(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        desk.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        desk.registry.roll_back("greetings", actor="otto")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_to_a_named_package_that_held_prod(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0", "shop:1.1.0", "shop:1.2.0")
        desk.registry.roll_back("greetings", actor="otto", to=ref("shop:1.0.0"))
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_never_to_a_package_that_did_not(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0", "shop:1.1.0")
        desk.publish("shop:1.2.0")
        with pytest.raises(Refused) as refused:
            desk.registry.roll_back("greetings", actor="otto", to=ref("shop:1.2.0"))
        assert refused.value.code == "rollback/never-prod"

    def test_what_held_prod_comes_back_without_approval(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0", "shop:1.1.0")
        desk.promote("shop:1.0.0", "prod", reason="back")
        assert desk.arms() == {"prod": ("shop:1.0.0", 1.0)}

    def test_of_a_route_nobody_knows(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        with pytest.raises(NotFound) as problem:
            desk.registry.roll_back("greeting", actor="otto")
        assert problem.value.hint == "did you mean `greetings`?"


class TestBaseline:
    def test_it_keeps_its_share_through_every_promotion(self, desk: Desk) -> None:
        desk.publish("top:1.0.0")
        policy = Policy(baseline="top:1.0.0", baseline_share=Share.parse("5%"))
        desk.registry.set_policy("greetings", policy, actor="otto")
        assert desk.arms() == {"baseline": ("top:1.0.0", 1.0)}
        desk.in_prod("shop:1.0.0")
        desk.publish("shop:1.1.0")
        desk.promote("shop:1.1.0", "limited", share=Share.parse("10%"))
        shares = {place: share for place, (_, share) in desk.arms().items()}
        assert shares == {"prod": 0.85, "limited": 0.1, "baseline": 0.05}
        with pytest.raises(Refused) as refused:
            desk.promote("shop:1.1.0", "limited", share=Share.parse("96%"))
        assert [one.code for one in refused.value.findings] == ["gate/rest"]

    def test_a_baseline_must_be_published(self, desk: Desk) -> None:
        policy = Policy(baseline="top:1.0.0", baseline_share=Share.parse("5%"))
        with pytest.raises(NotFound):
            desk.registry.set_policy("greetings", policy, actor="otto")


class TestHistory:
    def test_what_was_in_prod_then(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        desk.clock.pass_by(days=3)
        desk.in_prod("shop:1.1.0")
        desk.clock.pass_by(days=3)
        desk.approve("shop:1.1.0")

        def then(**span: float) -> list[str]:
            arms = desk.registry.arms_at("greetings", NOON + timedelta(**span))
            return [arm.package for arm in arms]

        assert then(hours=-1) == []
        assert then(days=1) == ["shop:1.0.0"]
        assert then(days=3) == then(days=9) == ["shop:1.1.0"]

    def test_a_clock_that_goes_back_stands_still_in_the_log(self, desk: Desk) -> None:
        desk.publish("shop:1.0.0")
        desk.clock.pass_by(days=-1)
        desk.publish("shop:1.1.0")
        times = [event.time for event in desk.registry.history()]
        assert times == [NOON, NOON]

    def test_it_is_told_page_by_page(self, desk: Desk) -> None:
        for minor in range(5):
            desk.publish(f"shop:1.{minor}.0")
        first = desk.registry.history(limit=3)
        rest = desk.registry.history(limit=3, before=first[-1].seq)
        assert [event.seq for event in (*first, *rest)] == [5, 4, 3, 2, 1]

    def test_an_event_tells_who_what_and_why(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        event = desk.registry.history(subject="route:greetings")[0].to_json()
        assert (event["actor"], event["kind"], event["revision"]) == ("otto", "promoted", 1)
        assert isinstance(event["body"], dict)
        assert event["body"]["reason"] == "set up"
        assert event["body"]["evidence"].startswith("sha256:")


class TestAudit:
    def test_a_head_kept_elsewhere_is_part_of_the_log(self, desk: Desk) -> None:
        desk.in_prod("shop:1.0.0")
        kept = desk.registry.head()
        desk.in_prod("shop:1.1.0")
        assert check_registry(desk.database, checkpoint=kept).is_clean
        other = Head(kept.seq, "0" * 64, kept.time)
        audit = check_registry(desk.database, checkpoint=other)
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
        ],
    )
    def test_what_is_changed_behind_its_back_is_found(
        self, desk: Desk, statement: str, code: str
    ) -> None:
        desk.in_prod("shop:1.0.0", "shop:1.1.0")

        assert code in _found_after(desk.database, statement)

    def test_packages_without_their_bytes_are_named(self, desk: Desk) -> None:
        digest = desk.publish("shop:1.0.0")
        audit = check_registry(desk.database, has_blob=lambda one: one != digest)
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
