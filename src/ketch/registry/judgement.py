"""A verdict in the history: what whoever watches a rollout concluded, and on which numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ketch.package.digest import Digest
from ketch.registry.events import read_time, write_time
from ketch.rollout.terms import Action
from ketch.schema.parse import canonical_json


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a rollout, as somebody recorded it.

    Attributes:
        rollout: Which; see :func:`ketch.rollout.rollout_id`.
        package: The candidate, ``name:version``.
        digest: The candidate, exactly.
        action: What the verdict asks for.
        sentence: Why, for people.
        evidence: The numbers that were seen.
        reason: What else there is to say.
        person: Who recorded it.
        time: When.
    """

    rollout: str
    package: str
    digest: Digest
    action: Action
    sentence: str
    evidence: Mapping[str, object]
    reason: str
    person: str
    time: datetime

    @property
    def passed(self) -> bool:
        """Whether it opens the gate to prod."""
        return self.action is Action.PROMOTE_READY

    @property
    def outcome(self) -> str:
        """The digest of what was found; an approval is bound to it."""
        found = [self.rollout, str(self.action), self.sentence, self.evidence]
        return str(Digest.of(canonical_json(found)))

    def to_json(self) -> dict[str, object]:
        """Return the verdict as ``ketch status --json`` prints it."""
        return {
            "rollout": self.rollout,
            "package": self.package,
            "digest": str(self.digest),
            "action": str(self.action),
            "sentence": self.sentence,
            "evidence": dict(self.evidence),
            "reason": self.reason,
            "person": self.person,
            "time": write_time(self.time),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, object]) -> Judgement:
        """Read what :meth:`to_json` wrote."""
        return cls(
            str(body["rollout"]),
            str(body["package"]),
            Digest.parse(str(body["digest"])),
            Action(str(body["action"])),
            str(body["sentence"]),
            cast("Mapping[str, object]", body["evidence"]),
            str(body["reason"]),
            str(body["person"]),
            read_time(str(body["time"])),
        )
