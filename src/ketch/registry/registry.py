"""The registry: who published what, who answers for it, where it stands, and who said so.

Every change is one transaction: read what is, decide (:mod:`ketch.registry.promotion`),
record the event and what follows from it. Only one writer is at work at a time, so a
decision is made on the present and two of them never pass each other. A caller who saw
a route earlier can insist on that: ``expected`` is the revision it must still have.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ketch.errors import Refused, UsageError
from ketch.package import Digest, Package, PackageName, Reference, Stage
from ketch.registry import drifting, judging, promotion, publication, references, rollback
from ketch.registry.apart import drawn, require_apart
from ketch.registry.events import Event, Head, now
from ketch.registry.gates import Candidate, Evidence, Gate, Proof, gates
from ketch.registry.policy import Policy
from ketch.registry.route import Arm, Draw, Place, Route, check_route_name
from ketch.registry.share import Share
from ketch.registry.sql import log, queries
from ketch.registry.sql.database import Database, Session
from ketch.registry.sql.migrate import migrate
from ketch.registry.sql.queries import Version
from ketch.schema import Schema

Open = Callable[[Digest], Package]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a long list, the newest first.

    Attributes:
        items: The versions of this page.
        after: Where the next page begins; None at the end.
    """

    items: tuple[Version, ...]
    after: int | None

    def to_json(self) -> dict[str, object]:
        """Return the page as a hub answers it."""
        return {"versions": [one.to_json() for one in self.items], "after": self.after}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Page:
        """Read what :meth:`to_json` wrote."""
        return cls(tuple(map(Version.from_json, body["versions"])), body["after"])


class Registry:
    """The registry in one database.

    Args:
        database: Where it is kept; brought up to date when it is opened.
        open_package: Opens a published package; the registry reads schemas, never code.
        clock: The present, in UTC.
    """

    def __init__(
        self,
        database: Database,
        open_package: Open,
        *,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self.database = database
        self._open = open_package
        self._clock = clock
        migrate(database)

    # ------------------------------------------------------------ versions

    def publish(self, package: Package, *, actor: str) -> Event:
        """Record that a version is this digest, for ever; the same again changes nothing.

        Raises:
            Refused: ``version/taken``: it is another digest already; ``version/owner``:
                somebody else answers for packages of this name.
        """
        name, version = str(package.manifest.name), str(package.manifest.version)
        with self.database.writing() as session:
            known = queries.find_version(session, name, version)
            if known is not None:
                publication.require_same(known, package.digest)
                return log.events_after(session, known.seq - 1, limit=1)[0]
            draft = publication.publish(package, queries.owner_of(session, name))
            return log.append(session, draft, actor=actor, now=self._clock())

    def withdraw(self, reference: Reference, *, reason: str, actor: str) -> Event:
        """Record that a version must not be promoted any more; its bytes stay.

        Raises:
            Refused: ``version/in-use``: it answers on a route.
        """
        with self.database.writing() as session:
            version = references.find(session, reference)
            draft = publication.withdraw(version, _answers_at(session, version), reason=reason)
            return log.append(session, draft, actor=actor, now=self._clock())

    def hand_over(self, name: PackageName, to: str, *, reason: str, actor: str) -> Event:
        """Record that somebody else answers for a package from now on."""
        with self.database.writing() as session:
            owner = queries.owner_of(session, str(name))
            if owner is None:
                raise references.unknown(session, str(name))
            draft = publication.hand_over(str(name), owner, to, reason=reason)
            return log.append(session, draft, actor=actor, now=self._clock())

    def resolve(self, reference: Reference) -> Version:
        """Return the version that a reference means now.

        Raises:
            NotFound: There is no such version, or nothing stands at the stage.
            UsageError: It stands at that stage of several routes with several versions.
        """
        with self.database.reading() as session:
            return references.find(session, reference)

    def versions(
        self,
        *,
        name: str | None = None,
        among: Sequence[str] | None = None,
        search: str | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> Page:
        """Return a page of versions, the newest published first.

        Args:
            name: Only those of a package.
            among: Only those of packages with these names; ``shop*`` is a beginning.
            search: Only those with this text in name, description or owner, case aside.
            after: Where the page before this one ended.
            limit: At most so many.
        """
        with self.database.reading() as session:
            found = queries.find_versions(
                session, name=name, among=among, search=search, before=after, limit=limit + 1
            )
        items = tuple(found[:limit])
        return Page(items, items[-1].seq if len(found) > limit else None)

    # ------------------------------------------------------------ routes

    def promote(
        self,
        reference: Reference,
        stage: Stage,
        *,
        actor: str,
        evidence: Sequence[Evidence],
        share: Share | None = None,
        reason: str = "",
        route: str | None = None,
        override: bool = False,
        expected: int | None = None,
    ) -> Event:
        """Move a package to a stage of its route, through every gate.

        Args:
            reference: The package.
            stage: Where to; ``dev`` takes it off the route.
            actor: Who does it.
            evidence: What is known about the package, the newest of each kind.
            share: Its share of units, at limited.
            reason: Why, for the history.
            route: Another route than the one its author named.
            override: Pass by the gates that people and experiments keep.
            expected: The revision the route must still have.

        Raises:
            Refused: ``gate/closed``, with every closed gate; ``route/moved``.
        """
        with self.database.writing() as session:
            version = references.find(session, reference)
            standing = self._standing(session, version, route, expected)
            candidate = self._candidate(version, evidence, standing)
            draft = promotion.promote(
                standing,
                candidate,
                stage,
                gates=self._gates(standing, candidate, stage, share),
                share=share,
                draw=_draw(session, standing.policy),
                reason=reason,
                override=override,
            )
            return log.append(session, draft, actor=actor, now=self._clock())

    def gates(
        self,
        reference: Reference,
        stage: Stage,
        *,
        evidence: Sequence[Evidence],
        share: Share | None = None,
        route: str | None = None,
    ) -> tuple[Gate, ...]:
        """Return every gate between a package and a stage, as things stand."""
        with self.database.reading() as session:
            version = references.find(session, reference)
            standing = self._standing(session, version, route, None)
            candidate = self._candidate(version, evidence, standing)
            return self._gates(standing, candidate, stage, share)

    def approve(
        self,
        reference: Reference,
        *,
        actor: str,
        evidence: Sequence[Evidence],
        reason: str = "",
        route: str | None = None,
    ) -> Event:
        """Record a person's yes to this digest in production, on this evidence."""
        with self.database.writing() as session:
            version = references.find(session, reference)
            standing = self._standing(session, version, route, None)
            candidate = self._candidate(version, evidence, standing)
            time = self._clock()
            draft = promotion.approve(standing, candidate, approver=actor, reason=reason, now=time)
            return log.append(session, draft, actor=actor, now=time)

    def reject(
        self, reference: Reference, *, actor: str, reason: str, route: str | None = None
    ) -> Event:
        """Record a person's no; approvals of the package hold no longer."""
        with self.database.writing() as session:
            version = references.find(session, reference)
            publication.require_reason(reason)
            standing = self._standing(session, version, route, None)
            draft = promotion.reject(
                standing, self._candidate(version, (), standing), reason=reason
            )
            return log.append(session, draft, actor=actor, now=self._clock())

    def roll_back(
        self,
        route: str,
        *,
        actor: str,
        reason: str = "",
        to: Reference | None = None,
        evidence: Mapping[str, object] | None = None,
        expected: int | None = None,
    ) -> Event:
        """Take the newest package of a route out of live traffic, at once.

        Args:
            route: The route.
            actor: Who does it.
            reason: Why, for the history.
            to: A package that held prod before, to go back further.
            evidence: The numbers it was done on, if it was: a JSON object.
            expected: The revision the route must still have.
        """
        seen = judging.evidence_of(evidence)
        with self.database.writing() as session:
            standing = references.find_route(session, route)
            _require_revision(standing, expected)
            target = None if to is None else references.find(session, to)
            pair = None if target is None else (target.reference, target.digest)
            draft = rollback.roll_back(
                standing, to=pair, reason=reason, withdrawn=_withdrawn(session, standing)
            )
            draft = replace(draft, body={**draft.body, **seen})
            return log.append(session, draft, actor=actor, now=self._clock())

    def judge(
        self, route: str, verdict: object, *, actor: str, expected: int | None = None
    ) -> Event:
        """Record what was concluded of the rollout under way, in JSON form.

        Args:
            route: The route.
            verdict: See :func:`ketch.registry.judging.judge`.
            actor: Who concluded it.
            expected: The revision the route must still have.

        Raises:
            UsageError: ``rollout/verdict``, with every finding.
            Refused: ``rollout/over``: the rollout is not under way any more.
        """
        with self.database.writing() as session:
            standing = references.find_route(session, route)
            _require_revision(standing, expected)
            draft = judging.judge(standing, verdict)
            return log.append(session, draft, actor=actor, now=self._clock())

    def note_drift(self, route: str, finding: object, *, actor: str) -> Event:
        """Record what drifted in what a package on a route is asked and answers.

        Args:
            route: The route.
            finding: See :func:`ketch.registry.drifting.note`.
            actor: Who found it.

        Raises:
            UsageError: ``drift/finding``, with every finding.
            NotFound: ``route/not-found``.
        """
        with self.database.writing() as session:
            draft = drifting.note(references.find_route(session, route), finding)
            return log.append(session, draft, actor=actor, now=self._clock())

    def set_policy(
        self,
        route: str,
        policy: Policy,
        *,
        actor: str,
        evidence: Sequence[Evidence] = (),
        reason: str = "",
        expected: int | None = None,
    ) -> Event:
        """Give a route its rules.

        Args:
            route: The route.
            policy: Its rules.
            actor: Who gives them.
            evidence: What is known about the baseline, which answers live traffic.
            reason: Why, for the history.
            expected: The revision the route must still have.

        Raises:
            Refused: ``gate/closed``: a new baseline lacks what prod asks for;
                ``policy/layer``: another route has units of its part of a layer.
        """
        check_route_name(route)
        with self.database.writing() as session:
            standing = queries.find_route(session, route)
            _require_revision(standing, expected)
            baseline: Digest | None = None
            found: tuple[Gate, ...] = ()
            if policy.baseline is not None:
                version = references.find(session, Reference.parse(policy.baseline))
                baseline = version.digest
                found = self._baseline_gates(standing, version, evidence, policy)
            draft = promotion.set_policy(
                standing,
                policy,
                baseline,
                salt=secrets.token_hex(16),
                layer_salt=self._layer_salt(session, route, policy),
                reason=reason,
                gates=found,
            )
            return log.append(session, draft, actor=actor, now=self._clock())

    def route(self, name: str) -> Route:
        """Return a route as it stands.

        Raises:
            NotFound: ``route/not-found``.
        """
        with self.database.reading() as session:
            return references.find_route(session, name)

    def routes(self) -> tuple[Route, ...]:
        """Return every route as it stands, by name."""
        with self.database.reading() as session:
            names = queries.route_names(session)
            return tuple(queries.find_route(session, name) for name in names)

    # ------------------------------------------------------------ history

    def history(
        self,
        *,
        subject: str | None = None,
        until: datetime | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> tuple[Event, ...]:
        """Return what happened, the newest first."""
        with self.database.reading() as session:
            found = log.find_events(
                session, subject=subject, until=until, before=before, limit=limit
            )
        return tuple(found)

    def arms_at(self, route: str, time: datetime) -> tuple[Arm, ...]:
        """Return who answered on a route at a time."""
        before: int | None = None
        while True:
            events = self.history(
                subject=promotion.subject(route), until=time, before=before, limit=20
            )
            for event in events:
                if "arms" in event.body:
                    arms = event.body["arms"]
                    return tuple(Arm.from_json(arm) for arm in arms)  # type: ignore[attr-defined]
            if not events:
                return ()
            before = events[-1].seq

    def head(self) -> Head:
        """Return the end of the log, to be kept elsewhere."""
        with self.database.reading() as session:
            return log.head(session)

    # ------------------------------------------------------------ inside a transaction

    def _standing(
        self, session: Session, version: Version, route: str | None, expected: int | None
    ) -> Route:
        name = route or version.route
        if name is None:
            raise UsageError(
                f"`{version.reference}` names no route",
                code="route/unnamed",
                hint="`--route NAME`, or `route` in ketch.toml",
            )
        check_route_name(name)
        standing = queries.find_route(session, name)
        _require_revision(standing, expected)
        return standing

    def _layer_salt(self, session: Session, route: str, policy: Policy) -> str | None:
        """Return the salt of a policy's layer, of which no other route has that part."""
        if policy.layer is None:
            return None
        salt = queries.layer_salt(session, policy.layer.name) or secrets.token_hex(16)
        others = (name for name in queries.route_names(session) if name != route)
        found = (queries.find_route(session, name) for name in others)
        require_apart(policy.layer, salt, found)
        return salt

    def _candidate(self, version: Version, evidence: Sequence[Evidence], route: Route) -> Candidate:
        return Candidate(
            version.reference,
            version.digest,
            version.publisher,
            version.withdrawn,
            self._open(version.digest).manifest.schema,
            (*evidence, *_tried(version, route)),
        )

    def _gates(
        self, route: Route, candidate: Candidate, stage: Stage, share: Share | None
    ) -> tuple[Gate, ...]:
        if stage is Stage.DEV:
            return ()
        callers = self._callers(route, candidate)
        return gates(candidate, route, stage, share=share, callers=callers, now=self._clock())

    def _baseline_gates(
        self, route: Route, version: Version, evidence: Sequence[Evidence], policy: Policy
    ) -> tuple[Gate, ...]:
        """Return the gates of a baseline; one that answers already has passed them."""
        present = route.at(Place.BASELINE)
        if present is not None and present.digest == version.digest:
            return ()
        # It answers live traffic as prod does, but others are measured against it.
        new = replace(route, policy=replace(policy, experiment=False))
        return self._gates(new, self._candidate(version, evidence, route), Stage.PROD, None)

    def _callers(self, route: Route, candidate: Candidate) -> Schema | None:
        """Return the schema that callers of a route rely on: that of what answers most."""
        arm = route.at(Place.PROD) or route.at(Place.BASELINE)
        if arm is None or arm.digest == candidate.digest:
            return None
        return self._open(arm.digest).manifest.schema


def _draw(session: Session, policy: Policy) -> Draw:
    """Return what a rollout draws that begins now."""
    salt = secrets.token_hex(16)
    if policy.layer is None:
        return Draw(salt)
    known = queries.layer_salt(session, policy.layer.name)
    return Draw(salt, None if known is None else drawn(policy.layer, known))


def _tried(version: Version, route: Route) -> Iterator[Evidence]:
    """Yield what the rollout of a package says of it now."""
    verdict = route.verdict
    if verdict is not None and verdict.digest == version.digest:
        yield Evidence(Proof.EXPERIMENT, verdict.passed, verdict.outcome)


def _answers_at(session: Session, version: Version) -> list[str]:
    """Return where a version answers, in words."""
    return [
        f"{place} of `{route}`"
        for place in Place
        for route, _, digest in queries.arms_of(session, version.name, place)
        if digest == version.digest
    ]


def _withdrawn(session: Session, route: Route) -> frozenset[Digest]:
    """Return those of a route's line that were withdrawn."""
    found = []
    for package, digest in route.line:
        version = queries.find_digest(session, package.partition(":")[0], digest)
        if version is not None and version.withdrawn is not None:
            found.append(digest)
    return frozenset(found)


def _require_revision(route: Route, expected: int | None) -> None:
    if expected is not None and route.revision != expected:
        raise Refused(
            f"expected revision {expected} of `{route.name}`, found {route.revision}",
            code="route/moved",
            where=f"route:{route.name}",
            hint=f"somebody changed it meanwhile; `ketch history {route.name}` shows how",
        )
