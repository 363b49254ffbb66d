"""Recording: write what the package answers now as what it promises.

A person decides: the differences to what was promised before are shown, drafts stay
drafts until they are confirmed, and nothing but the scenario files is written.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.build import Options, build
from ketch.authoring.progress import Progress, Silent
from ketch.errors import KetchError
from ketch.files import write_whole
from ketch.package import Scenario, ScenarioTrace, StepTrace, dump_traces
from ketch.package.scenario import EXPECTED_SUFFIX, FOLDER, TRACES_FILE
from ketch.runtime import Home, Worker, comparisons, prepared
from ketch.schema import Difference, Row, Schema, compare, decode
from ketch.tables import RowWriter

DEADLINE_S = 60.0

_FORGIVEN = frozenset({"scenario/no-expectation", "scenario/draft", "package/trace"})


@dataclass(frozen=True, slots=True)
class RecordedScenario:
    """What recording did to one scenario.

    Attributes:
        scenario: The scenario as it stands in its file now.
        change: ``new``, ``changed``, ``same``, ``error`` (it promises an error, which
            is never recorded) or ``raised`` (the package could not answer).
        differences: Where the new answer differs from what was promised before.
        detail: What the package raised.
    """

    scenario: Scenario
    change: str
    differences: tuple[Difference, ...] = ()
    detail: str = ""
    trace: ScenarioTrace | None = None

    def to_json(self) -> dict[str, object]:
        """Return the form of ``--json``."""
        return {
            "name": self.scenario.name,
            "change": self.change,
            "draft": self.scenario.draft,
            "detail": self.detail,
            "differences": [
                {
                    "row": item.row,
                    "field": item.field,
                    "expected": item.expected,
                    "found": item.found,
                }
                for item in self.differences
            ],
        }


@dataclass(frozen=True, slots=True)
class Recorded:
    """What recording did."""

    scenarios: tuple[RecordedScenario, ...]
    files: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch record --json``."""
        return {
            "scenarios": [one.to_json() for one in self.scenarios],
            "files": list(self.files),
        }


def record(
    folder: Path,
    *,
    confirm: bool = False,
    home: Home | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Recorded:
    """Run every scenario of a folder and write the answers into the scenario files.

    Args:
        folder: The authored package.
        confirm: Also take drafts as confirmed: the person calling has looked at them.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        options: How to build.
        progress: Told what is being done.

    Raises:
        Refused: Something else is wrong with the folder.
        PackageCodeError: The package could not be loaded.
    """
    home, options, progress = home or Home.default(), options or Options(), progress or Silent()
    built = build(folder, home, replace(options, forgive=_FORGIVEN), progress)
    schema = built.package.manifest.schema
    with (
        prepared(built.package, home, offline=options.offline, progress=progress.step) as ready,
        ready.start() as worker,
    ):
        results = []
        for scenario in built.gathered.scenarios:
            progress.step(f"scenario {scenario.name}")
            recorded = _record(scenario, schema, worker)
            if confirm:
                recorded = replace(recorded, scenario=replace(recorded.scenario, draft=False))
            results.append(recorded)
    files = _write(built.gathered.folder, results, schema)
    return Recorded(tuple(results), files)


def _record(scenario: Scenario, schema: Schema, worker: Worker) -> RecordedScenario:
    if scenario.expected_error is not None:
        return RecordedScenario(scenario, "error")
    rows, refused = decode(schema.inputs, scenario.inputs)
    if refused:
        return RecordedScenario(scenario, "raised", detail=refused[0].message)
    try:
        answer = worker.predict(rows, deadline_s=DEADLINE_S, trace=True)
    except KetchError as problem:
        return RecordedScenario(scenario, "raised", detail=problem.message)
    found, wrong = decode(schema.outputs, answer.rows)
    if wrong:
        return RecordedScenario(scenario, "raised", detail=f"{wrong[0].where}: {wrong[0].message}")
    trace = ScenarioTrace(
        scenario.name,
        scenario.inputs_digest,
        tuple(StepTrace.from_json(step) for step in answer.trace),
    )
    if scenario.expected is None:
        new = replace(scenario, expected=tuple(found))
        return RecordedScenario(new, "new", trace=trace)
    differences = _compare(schema, scenario.expected, found, worker)
    if not differences:
        return RecordedScenario(scenario, "same", trace=trace)
    changed = replace(scenario, expected=tuple(found))
    return RecordedScenario(changed, "changed", differences, trace=trace)


def _compare(
    schema: Schema,
    promised: Sequence[Row],
    found: Sequence[Row],
    worker: Worker,
) -> tuple[Difference, ...]:
    expected, wrong = decode(schema.outputs, promised)
    if wrong:
        return (Difference(0, wrong[0].where or "", None, None, wrong[0].message),)
    return compare(schema.outputs, expected, found, comparisons(worker, schema))


def _write(folder: Path, results: Sequence[RecordedScenario], schema: Schema) -> tuple[str, ...]:
    """Write each scenario file whose content changed, and the traces; return their paths."""
    contents: dict[str, bytes] = {}
    for path, group in _by_file(results).items():
        if path.endswith(".csv"):
            contents.update(_csv(path, group[0].scenario, schema))
        elif path.endswith(".json"):
            contents[path] = _pretty(group[0].scenario.to_json())
        else:
            lines = (json.dumps(one.scenario.to_json(), ensure_ascii=False) for one in group)
            contents[path] = "".join(f"{line}\n" for line in lines).encode()
    traces = [one.trace for one in results if one.trace is not None]
    if traces:
        contents[f"{FOLDER}/{TRACES_FILE}"] = dump_traces(traces)
    written = []
    for path, content in contents.items():
        file = folder / path
        if not file.exists() or file.read_bytes() != content:
            write_whole(file, content)
            written.append(path)
    return tuple(sorted(written))


def _csv(path: str, scenario: Scenario, schema: Schema) -> dict[str, bytes]:
    if scenario.expected is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "expected.csv"
        with RowWriter(file, schema.outputs) as writer:
            writer.write(dict(row) for row in scenario.expected)
        return {path.removesuffix(".csv") + EXPECTED_SUFFIX: file.read_bytes()}


def _by_file(results: Sequence[RecordedScenario]) -> dict[str, list[RecordedScenario]]:
    groups: dict[str, list[RecordedScenario]] = {}
    for one in results:
        groups.setdefault(one.scenario.source.split(":")[0], []).append(one)
    return groups


def _pretty(body: Mapping[str, object]) -> bytes:
    return (json.dumps(body, indent=2, ensure_ascii=False) + "\n").encode()
