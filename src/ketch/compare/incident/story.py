"""Why a decision went as it did, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ketch.monitor.decisions.table import Recorded
from ketch.monitor.rollouts.pair import LIMITED
from ketch.monitor.trace import Rerun, Trace
from ketch.package import Divergence
from ketch.registry.events import write_time


@dataclass(frozen=True, slots=True)
class Errors:
    """An error, beside all others of its code.

    Attributes:
        code: The code.
        first: When it was first seen in the time that was looked at.
        count: How often since.
        answers: How many answers there were since.
    """

    code: str
    first: datetime
    count: int
    answers: int

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        first = write_time(self.first)
        return {"code": self.code, "first": first, "count": self.count, "answers": self.answers}


@dataclass(frozen=True, slots=True)
class Previous:
    """What the package before answers to the same.

    Attributes:
        package: ``name:version``.
        digest: The package, exactly.
        asked: What came of asking it; the recorded answer is the expected one.
        differ: Which components differ, in words.
        divergence: The first step that differs; None where none was found.
    """

    package: str
    digest: str
    asked: Rerun
    differ: str
    divergence: Divergence | None = None

    def to_json(self) -> dict[str, object]:
        """Return it in JSON form."""
        return {
            "package": self.package,
            "digest": self.digest,
            **self.asked.to_json(),
            "why": "" if self.asked.differences else self.asked.why,
            "differ": self.differ,
            "first_divergence": None if self.divergence is None else self.divergence.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of how a decision came about.

    Attributes:
        trace: Everything that was recorded of it, with the package asked again.
        errors: Where it ended in an error.
        before: The answer that its unit got before; None where there is none.
        previous: The package before; None where none is known.
        notes: What is not known, and why.
    """

    trace: Trace
    errors: Errors | None
    before: Recorded | None
    previous: Previous | None
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        one, then = self.trace.decision, self.previous
        if self.errors is not None:
            errors = self.errors
            since = f"{errors.first:%Y-%m-%d %H:%M:%S} UTC"
            many = f"{errors.count:,} of {errors.answers:,} answers since {since}"
            said = f"It ended in `{errors.code}`, as {many}"
            answers = then is not None and then.asked.found is not None
            return f"{said}; {then.package} answers it." if then and answers else f"{said}."
        if then is None or then.asked.identical is None:
            return f"{one.package} answered as {one.arm}; there is nothing to compare it with."
        which = "it is tried against" if one.arm == LIMITED else "stood there before"
        if then.asked.identical:
            return f"{then.package}, which {which}, answers the same to the byte."
        at = "" if then.divergence is None else f"; they part at step `{then.divergence.step}`"
        return f"{then.package}, which {which}, answers otherwise{at}."

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch explain --decision --json``."""
        before = self.before
        return {
            **self.trace.to_json(),
            "sentence": self.sentence,
            "errors": None if self.errors is None else self.errors.to_json(),
            "before": None if before is None else before.to_json(),
            "previous": None if self.previous is None else self.previous.to_json(),
            "notes": list(self.notes),
        }
