"""Recording: write what the package answers now as what it promises.

A person decides: every difference to what was promised before is shown, drafts stay
drafts until they are confirmed, and an error that is promised is never recorded over.
Only what changed is written, in the files as their author wrote them; and nothing at all
unless the package answered every scenario.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.authoring.build import Options, build
from ketch.authoring.listing import refuse_changed
from ketch.authoring.locking import keep_lock
from ketch.authoring.rewriting import Rewrite, rewritten, write_together
from ketch.errors import KetchError, PackageCodeError
from ketch.package import Scenario, ScenarioTrace, first_divergence
from ketch.package.scenario import FOLDER
from ketch.progress import Progress, Silent
from ketch.runtime import Home, comparisons
from ketch.schema import Difference, Row, Schema, compare, decode

if TYPE_CHECKING:
    from ketch.runtime import Worker

DEADLINE_S = 60.0

_FORGIVEN = frozenset({"scenario/no-expectation", "scenario/draft", "package/trace"})


@dataclass(frozen=True, slots=True)
class RecordedScenario:
    """What recording did to one scenario.

    Attributes:
        scenario: The scenario as it stands in its file now.
        change: ``new``, ``changed``, ``same``, ``error`` (it promises an error, which
            is never recorded) or ``raised`` (the package did not answer).
        differences: Where the new answer differs from what was promised before.
        detail: What the package raised.
        hint: What to do about that.
        confirmed: Whether it was a draft before.
    """

    scenario: Scenario
    change: str
    differences: tuple[Difference, ...] = ()
    detail: str = ""
    hint: str | None = None
    confirmed: bool = False
    trace: ScenarioTrace | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "name": self.scenario.name,
            "change": self.change,
            "draft": self.scenario.draft,
            "confirmed": self.confirmed,
            "detail": self.detail,
            "differences": [item.to_json() for item in self.differences],
        }


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording did.

    Attributes:
        scenarios: What became of each.
        files: What was written, relative to the folder, sorted.
        printed: The last lines that the package printed, for eyes.
    """

    scenarios: tuple[RecordedScenario, ...]
    files: tuple[str, ...]
    printed: str = ""

    @property
    def answered(self) -> bool:
        """Whether the package answered every scenario that expects an answer."""
        return all(one.change != "raised" for one in self.scenarios)

    def __repr__(self) -> str:
        """Return one line: in a notebook it is what a cell shows."""
        counted = Counter(one.change for one in self.scenarios)
        told = ", ".join(f"{count} {change}" for change, count in counted.items())
        return f"<recorded scenarios: {told or 'none'}>"

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch record --json``."""
        return {
            "scenarios": [one.to_json() for one in self.scenarios],
            "files": list(self.files),
        }


def record(
    folder: Path | str,
    *,
    confirm: bool = False,
    home: Home | Path | str | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Recorded:
    """Run every scenario of a folder and write the answers into the scenario files.

    Also written are the traces of the steps and, when it was missing or stale, the lock.

    Args:
        folder: The authored package.
        confirm: Also take drafts as confirmed: the person calling has looked at them.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        options: How to build.
        progress: Told what is being done.

    Returns:
        What was done; when the package raised, every scenario in which it did, and
        nothing was written.

    Raises:
        Refused: Something else is wrong with the folder.
        PackageCodeError: The package could not be loaded.
        Unavailable: A scenario file was changed meanwhile, or cannot be written.
    """
    home, options, progress = Home.of(home), options or Options(), progress or Silent()
    from ketch.runtime import prepared  # all that runs a package: `pack` imports this module

    built = build(Path(folder), home, replace(options, forgive=_FORGIVEN), progress)
    schema = built.package.manifest.schema
    with (
        prepared(built.package, home, offline=options.offline, progress=progress.step) as ready,
        ready.start() as worker,
    ):
        results = []
        for scenario in built.gathered.scenarios:
            progress.step(f"scenario {scenario.name}")
            results.append(_record(scenario, schema, worker))
        printed = worker.last_lines()
    done = Recorded(tuple(results), (), printed)
    if not done.answered:
        return done
    if confirm:
        results = [_confirmed(one) for one in results]
    root, looks = built.gathered.folder, built.gathered.looks
    refuse_changed(root, {path: look for path, look in looks.items() if path.startswith(FOLDER)})
    traces = [_kept(one.trace, built.gathered.traces) for one in results if one.trace]
    contents = rewritten(root, [_rewrite(one) for one in results], traces, schema)
    keep_lock(root, built.lock)
    write_together({root / path: content for path, content in contents.items()})
    return Recorded(tuple(results), tuple(sorted(contents)), printed)


def _record(scenario: Scenario, schema: Schema, worker: Worker) -> RecordedScenario:
    if scenario.expected_error is not None:
        return RecordedScenario(scenario, "error")
    rows, refused = decode(schema.inputs, scenario.inputs)
    if refused:
        first = refused[0]
        detail = f"the schema refuses the inputs: {first.where}: {first.message}"
        return RecordedScenario(scenario, "raised", detail=detail, hint=_promise(first.code))
    try:
        answer = worker.predict(rows, deadline_s=DEADLINE_S, trace=True)
    except KetchError as problem:
        return _raised(scenario, problem)
    found, wrong = decode(schema.outputs, answer.rows)
    if wrong:
        detail = f"the answer breaks the schema: {wrong[0].where}: {wrong[0].message}"
        return RecordedScenario(scenario, "raised", detail=detail, hint=wrong[0].hint)
    steps = worker.failures.discreet.steps(answer.trace)
    trace = ScenarioTrace(scenario.name, scenario.inputs_digest, steps)
    if scenario.expected is None:
        new = replace(scenario, expected=tuple(found))
        return RecordedScenario(new, "new", trace=trace)
    differences = _compare(schema, scenario.expected, found, worker)
    if not differences:
        return RecordedScenario(scenario, "same", trace=trace)
    changed = replace(scenario, expected=_corrected(scenario.expected, found, differences, schema))
    return RecordedScenario(changed, "changed", differences, trace=trace)


def _raised(scenario: Scenario, problem: KetchError) -> RecordedScenario:
    at = f" (at `{problem.where}`)" if problem.where else ""
    is_refusal = isinstance(problem, PackageCodeError) and problem.is_refusal
    hint = _promise("a part of the message") if is_refusal else problem.hint
    return RecordedScenario(scenario, "raised", detail=f"{problem.message}{at}", hint=hint)


def _promise(error: str) -> str:
    return f'to promise this refusal, write `"expected_error": "{error}"` into the scenario'


def _compare(
    schema: Schema, promised: Sequence[Row], found: Sequence[Row], worker: Worker
) -> tuple[Difference, ...]:
    expected, wrong = decode(schema.outputs, promised)
    if wrong:
        message = f"what was promised breaks the schema: {wrong[0].where}: {wrong[0].message}"
        return (Difference(0, "", None, None, message),)
    return compare(schema.outputs, expected, found, comparisons(worker, schema))


def _corrected(
    promised: Sequence[Row],
    found: Sequence[Row],
    differences: Sequence[Difference],
    schema: Schema,
) -> tuple[Row, ...]:
    """Return what was promised with what differs replaced, and the rest as it was written."""
    if any(not one.field for one in differences):
        return tuple(found)
    rows = [dict(row) for row in promised]
    for one in differences:
        name = next(
            output.name
            for output in schema.outputs
            if one.field == output.name
            or one.field.startswith((f"{output.name}[", f"{output.name}."))
        )
        rows[one.row][name] = found[one.row].get(name)
    return tuple(rows)


def _kept(trace: ScenarioTrace, recorded: Sequence[ScenarioTrace]) -> ScenarioTrace:
    """Return the trace as it was recorded before, unless a step moved since."""
    for old in recorded:
        is_same_question = (old.scenario, old.inputs) == (trace.scenario, trace.inputs)
        if is_same_question and first_divergence(old.steps, trace.steps) is None:
            return old
    return trace


def _confirmed(recorded: RecordedScenario) -> RecordedScenario:
    was_draft = recorded.scenario.draft
    return replace(recorded, scenario=replace(recorded.scenario, draft=False), confirmed=was_draft)


def _rewrite(one: RecordedScenario) -> Rewrite:
    rows = one.scenario.expected if one.change in ("new", "changed") else None
    return Rewrite(one.scenario.source, rows, confirm=one.confirmed)
