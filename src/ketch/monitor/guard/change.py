"""What a guard tells: one value for each thing that changed, as people and programs read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ketch.registry.events import write_time


@dataclass(frozen=True, slots=True)
class Change:
    """Something that a guard saw or did.

    Attributes:
        time: When.
        route: Where.
        did: ``watches``, ``judged``, ``rolled-back``, ``grew``, ``refused``, ``ended`` or
            ``drifted``.
        rollout: The rollout's identity; empty where it is not about one.
        package: The candidate; what drifted is what is in prod.
        digest: The same, exactly.
        says: What happened, for people: the sentence of a verdict, the reason of a refusal.
        action: What the verdict asks for; None where there is none.
        share: The share that the candidate has now.
        event: The event of the registry that it caused; None if it caused none.
        revision: Of the route, after that event.
    """

    time: datetime
    route: str
    did: str
    rollout: str
    package: str
    digest: str
    says: str
    action: str | None = None
    share: float | None = None
    event: int | None = None
    revision: int | None = None

    def to_json(self) -> dict[str, object]:
        """Return the change as ``ketch guard --json`` prints it."""
        return {
            "time": write_time(self.time),
            "route": self.route,
            "did": self.did,
            "rollout": self.rollout,
            "package": self.package,
            "digest": self.digest,
            "action": self.action,
            "says": self.says,
            "share": self.share,
            "event": self.event,
            "revision": self.revision,
        }

    def __str__(self) -> str:
        told = f"{self.time:%Y-%m-%d %H:%M:%S}  {self.route}  {self.package}"
        return f"{told}  {self.did}: {self.says}"
