"""A decision repeated: the recorded inputs through the same package, compared byte for byte.

The package runs in its own environment, with the hash seed that the gateway gave it. Where
the answers part, it runs once more with another seed, traced: a step that moved between
two runs here gives no answer that could be repeated.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import msgspec

from ketch.errors import KetchError, PackageCodeError
from ketch.monitor.decisions.keyed import MARK, Keyed, hashed_fields
from ketch.monitor.decisions.table import Recorded
from ketch.package import Divergence, Package, StepTrace, first_divergence
from ketch.progress import Progress, Silent
from ketch.runtime import Home, Prepared, Worker, prepared
from ketch.runtime.licence import may_be_batched
from ketch.schema import Decoder, Difference, Row, parse_json
from ketch.schema.equality import EXACT, differences_inside

DEADLINE_S = 120.0
_MOST = 100
_ANOTHER_SEED = 1
_MACHINE = ("serve/", "worker/", "request/")
"""Errors that tell of a machine, not of the package, begin so."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Rerun:
    """What came of asking again.

    Attributes:
        identical: Whether the answer is the same to the byte; None where nobody can know.
        why: What else there is to say of it.
        differences: Where the answers part; the recorded one is the expected one.
        divergence: The first step that moved between two runs here.
        found: What was answered this time, as JSON; None where it raised.
        seconds: How long it took, with the start of the package.
    """

    identical: bool | None
    why: str = ""
    differences: tuple[Difference, ...] = ()
    divergence: Divergence | None = None
    found: str | None = None
    seconds: float = 0.0

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch trace --rerun --json``."""
        return {
            "identical": self.identical,
            "why": self.why,
            "differences": [one.to_json() for one in self.differences],
            "first_divergence": None if self.divergence is None else self.divergence.to_json(),
            "seconds": round(self.seconds, 3),
        }


def rerun(
    decision: Recorded,
    package: Package,
    home: Home,
    key: Keyed | None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> Rerun:
    """Ask a package again what it was asked for a decision.

    Args:
        decision: The decision.
        package: The package that made it.
        home: Where its environment is, or is made.
        key: The hashes of the log, for outputs that are personal data.
        offline: Use only libraries and interpreters that lie on this machine.
        progress: Told what is being done.

    Raises:
        Unavailable: Its environment cannot be built now.
        PackageCodeError: It cannot be loaded.
        UsageError: A variable that it requires is not set.
    """
    asked, why = _asked(decision, package)
    if asked is None:
        return Rerun(None, why)
    began = time.monotonic()
    step = (progress or Silent()).step
    with prepared(package, home, offline=offline, progress=step) as ready, ready.start() as worker:
        step("asking again")
        apart = decision.batch_rows > decision.rows
        is_alone = not apart or may_be_batched(package.digest, home.store)
        done = _Again(decision, package, key, asked, is_alone=is_alone).judge(worker, ready)
    return replace(done, seconds=time.monotonic() - began)


def _asked(decision: Recorded, package: Package) -> tuple[list[Row] | None, str]:
    """Return the rows that were asked for, or why they cannot be asked again."""
    schema = package.manifest.schema
    if decision.inputs == "null":
        return None, "the inputs were not kept, or are kept no longer"
    if decision.error is not None and decision.error.startswith(_MACHINE):
        return None, f"the answer was `{decision.error}`, which tells of the machine"
    value = parse_json(decision.inputs.encode())
    given = [value] if isinstance(value, dict) else value
    personal = [field.name for field in schema.inputs if field.pii]
    hashed = sorted({name for name in personal if _is_given(given, name)} | hashed_fields(given))
    if hashed:
        named = ", ".join(f"`{name}`" for name in hashed)
        return None, f"personal data is never recorded, and {named} is: only its hash is known"
    rows, findings = Decoder(schema.inputs).decode(given)
    if findings:
        first = findings[0]
        return None, f"the schema refuses the recorded inputs: {first.where}: {first.message}"
    return rows, ""


def _is_given(rows: object, name: str) -> bool:
    listed = rows if isinstance(rows, list) else []
    return any(isinstance(row, dict) and row.get(name) is not None for row in listed)


class _Again:
    """One decision, asked again; ``is_alone``: rows beside it change nothing, or were none."""

    def __init__(
        self,
        decision: Recorded,
        package: Package,
        key: Keyed | None,
        rows: list[Row],
        *,
        is_alone: bool,
    ) -> None:
        self._decision = decision
        self._outputs = package.manifest.schema.outputs
        declared = {field.name for field in self._outputs if field.pii}
        self._personal = declared | hashed_fields(_listed(decision.outputs))
        self._network = package.manifest.environment.network
        self._key = key
        self._rows = rows
        self._single = decision.inputs.startswith("{")
        self._is_alone = is_alone

    def judge(self, worker: Worker, ready: Prepared) -> Rerun:
        """Return whether the answer is the same."""
        decision = self._decision
        try:
            found, steps = self._answer(worker)
        except PackageCodeError as raised:
            if raised.code == decision.error:
                return Rerun(identical=True, why=f"it refuses again: {raised.message}")
            return Rerun(identical=False, why=f"it raised this time: {raised.message}")
        except KetchError as problem:
            return Rerun(None, f"it could not be asked: {problem.message}")
        if decision.error is not None:
            why = f"it answered this time; recorded was `{decision.error}`"
            return Rerun(identical=False, why=why, found=found)
        if self._key is None and MARK.search(decision.outputs):
            return Rerun(None, "outputs are personal data, and the log came without its key")
        if found == decision.outputs:
            return Rerun(identical=True, found=found)
        differences = tuple(self._differences(found))[:_MOST]
        moved = self._moved(ready, steps)
        return Rerun(False, self._reason(moved), differences, moved, found)

    def _answer(self, worker: Worker) -> tuple[str, tuple[StepTrace, ...]]:
        """Return what it answers, as the log writes it, and what each step returned."""
        answer = worker.predict(self._rows, deadline_s=DEADLINE_S, trace=True)
        rows, wrong = Decoder(self._outputs).decode(answer.rows)
        if wrong:
            said = f"the answer breaks the schema: {wrong[0].where}: {wrong[0].message}"
            raise PackageCodeError(said, code="package-code/answer")
        body = _encode(rows[0] if self._single else rows)
        if self._personal:  # without the key its hashes are like no others, and show nothing
            key = self._key or Keyed(secrets.token_bytes(32))
            body = key.without(self._personal, body)
        return body.decode(), worker.failures.discreet.steps(answer.trace)

    def _differences(self, found: str) -> Iterator[Difference]:
        recorded, now = (_listed(text) for text in (self._decision.outputs, found))
        if len(recorded) != len(now):
            said = f"expected {len(recorded)} rows, found {len(now)}"
            yield Difference(0, "", len(recorded), len(now), said)
        for index, (one, other) in enumerate(zip(recorded, now, strict=False)):
            for field in self._outputs:
                pair = one.get(field.name), other.get(field.name)
                if _encode(pair[0]) == _encode(pair[1]):
                    continue
                inside = differences_inside(field.type, EXACT, field.name, *pair)
                unseen = (field.name, *pair, "the bytes differ")
                is_unseen = field.name in self._personal
                yield Difference(index, *(unseen if is_unseen else next(inside, unseen)))

    def _moved(self, ready: Prepared, steps: Sequence[StepTrace]) -> Divergence | None:
        """Return the first step that moves from one run to the next, with another hash seed."""
        try:
            with ready.start(_ANOTHER_SEED) as worker:
                return first_divergence(steps, self._answer(worker)[1])
        except KetchError:
            return None

    def _reason(self, moved: Divergence | None) -> str:
        if moved is not None:
            return f"step `{moved.step}` returned something else when it ran once more"
        if not self._is_alone:
            others = self._decision.batch_rows - self._decision.rows
            return f"it was answered beside {others} other rows, which may change its answers"
        if self._network:
            return "two runs here agree: what it asks over the network may have answered otherwise"
        return "two runs here agree: something outside of the package was another then"


def _listed(text: str) -> list[Row]:
    value = parse_json(text.encode())
    rows = value if isinstance(value, list) else [value]
    return [row for row in rows if isinstance(row, dict)]
