"""One decision: what was asked, what was answered, by which package and why by that one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from ketch.runtime import StepTime


@dataclass(frozen=True, slots=True)
class Origin:
    """What many decisions have in common; made once for each package of a route.

    Attributes:
        route: The route that was asked.
        package: ``name:version``.
        digest: The package, exactly.
        arm: What the package is on the route, such as ``limited``.
        shares: How the units of the route were shared out; see ``rollout.Split.shares``.
        rollout: Which rollout the arm is a side of; see ``rollout.rollout_id``.
        personal_inputs, personal_outputs: Fields of personal data. Only a keyed hash of
            their values is ever written.
    """

    route: str
    package: str
    digest: str
    arm: str
    shares: str = ""
    rollout: str = ""
    personal_inputs: frozenset[str] = frozenset()
    personal_outputs: frozenset[str] = frozenset()
    written: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        body = {
            "route": self.route,
            "package": self.package,
            "digest": self.digest,
            "arm": self.arm,
            "shares": self.shares,
            "rollout": self.rollout,
        }
        object.__setattr__(self, "written", msgspec.json.encode(body)[1:-1])


class Decision(msgspec.Struct, gc=False):
    """One decision, as the gateway gives it to the log.

    Attributes:
        id: Its identity, which :func:`~ketch.monitor.decisions.ids.new_id` made.
        origin: Route, package and arm.
        inputs: The row that was asked for, or the list of rows, as JSON.
        outputs: The answer in the same form; ``b"null"`` where there is none.
        unit: Who asked; only a keyed hash of it is ever written.
        why: Why this arm: see ``rollout.Assignment.why``, or ``shadow``.
        status: Of the HTTP response.
        error: The code of the error, where there was one.
        rows: How many were asked for.
        batch_rows: How many rows the package was given at once, those of others included.
        duration_us: From the arrival of the request to its answer.
        steps: How long each step of the package took.
        shadow_of: The decision that this one is a shadow copy of.
        number: Among all of one writer, without gaps; the log gives it.
    """

    id: str
    origin: Origin
    inputs: bytes
    outputs: bytes
    unit: str | None = None
    why: str = "unit"
    status: int = 200
    error: str | None = None
    rows: int = 1
    batch_rows: int = 1
    duration_us: int = 0
    steps: Sequence[StepTime] = ()
    shadow_of: str | None = None
    number: int = 0


LARGEST = 8 * 2**20
"""Inputs and outputs of more bytes than this are not kept."""

_encode = msgspec.json.Encoder().encode


def body_of(decision: Decision, unit: str | None, inputs: bytes, outputs: bytes) -> bytes:
    """Return what is written of a decision: one JSON object, on one line.

    Args:
        decision: The decision.
        unit: The keyed hash of its unit.
        inputs: Its rows, without personal data.
        outputs: Their answers, without.
    """
    d = decision
    return (
        b'{"id":"%b","n":%d,%b,"why":"%b","unit":%b,"status":%d,"error":%b,"rows":%d,'
        b'"batch_rows":%d,"duration_us":%d,"steps":%b,"shadow_of":%b,"inputs":%b,"outputs":%b}'
        % (
            d.id.encode(),
            d.number,
            d.origin.written,
            d.why.encode(),
            b'"%b"' % unit.encode() if unit else b"null",
            d.status,
            b"null" if d.error is None else _encode(d.error),
            d.rows,
            d.batch_rows,
            d.duration_us,
            _encode({one.step: round(one.ms * 1000) for one in d.steps}) if d.steps else b"{}",
            b"null" if d.shadow_of is None else _encode(d.shadow_of),
            inputs or b"null",
            outputs or b"null",
        )
    ).translate(_ONE_LINE)


_ONE_LINE = bytes.maketrans(b"\r\n\t\x1e", b"    ")
"""Between the tokens of JSON these are spaces, and inside of texts they cannot stand."""
