"""What is found out about an incident, as values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ketch.registry.events import write_time


@dataclass(frozen=True, slots=True)
class Break:
    """A measure that changed its level.

    Attributes:
        metric: Which.
        kind: ``rate``, a part of the answers, or ``mean``.
        at: Since when, to the length of a stretch.
        interval: Between which times it began, at 95 %.
        before, after: The two levels.
        p_value: How often a route on which nothing changes shows as much, at most.
        is_worse: Whether it got worse; None where nobody can say.
    """

    metric: str
    kind: str
    at: datetime
    interval: tuple[datetime, datetime]
    before: float
    after: float
    p_value: float
    is_worse: bool | None = None

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "metric": self.metric,
            "kind": self.kind,
            "at": write_time(self.at),
            "interval": [write_time(one) for one in self.interval],
            "before": self.before,
            "after": self.after,
            "p_value": self.p_value,
            "worse": self.is_worse,
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that changed around the break.

    Attributes:
        kind: ``promotion``, ``share``, ``rollback``, ``policy``, ``package``, ``input``,
            ``error``, ``outcomes``, ``traffic`` or ``gateway``.
        what: What happened, as the end of a sentence that begins with "after".
        when: Since when.
        evidence: What speaks for it and against it, a sentence each.
        check: The command that shows more.
        score: How likely it is the cause: 0 to 1, to order by. No probability.
        part: Which part of the change goes with it and stays away without it; None where
            nothing is there to compare with.
        control: What did not move although nothing else sets it apart; may be empty.
    """

    kind: str
    what: str
    when: datetime
    evidence: tuple[str, ...]
    check: str
    score: float
    part: float | None = None
    control: str = ""

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "kind": self.kind,
            "what": self.what,
            "when": write_time(self.when),
            "evidence": list(self.evidence),
            "check": self.check,
            "score": round(self.score, 3),
            "part": None if self.part is None else round(self.part, 3),
        }


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of a time on a route.

    Attributes:
        route: The route.
        at: The time that was asked for.
        since, until: What was looked at.
        step: To which length of time things can be told.
        decisions: How many there were; ``sampled``: of how many one was looked at.
        incident: What broke; None where nothing did.
        others: What else changed its level, the strongest first.
        causes: What changed around it, the likeliest first.
        looked_at: The measures that were looked at.
        notes: What could not be known, and why.
        sampled: Of how many decisions one was looked at.
    """

    route: str
    at: datetime
    since: datetime
    until: datetime
    step: timedelta
    decisions: int
    incident: Break | None
    others: tuple[Break, ...]
    causes: tuple[Cause, ...]
    looked_at: tuple[str, ...]
    notes: tuple[str, ...] = ()
    sampled: int = 1

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch explain ROUTE --json``."""
        from ketch.compare.incident.sentence import sentence  # which reads this value

        return {
            "route": self.route,
            "at": write_time(self.at),
            "since": write_time(self.since),
            "until": write_time(self.until),
            "step_s": self.step.total_seconds(),
            "decisions": self.decisions,
            "sampled": self.sampled,
            "sentence": sentence(self),
            "incident": None if self.incident is None else self.incident.to_json(),
            "others": [one.to_json() for one in self.others],
            "causes": [one.to_json() for one in self.causes],
            "looked_at": list(self.looked_at),
            "notes": list(self.notes),
        }
