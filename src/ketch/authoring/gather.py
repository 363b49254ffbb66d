"""Reading a package folder: what would ship, what would not, and what is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ketch.errors import Finding, KetchError
from ketch.package import (
    CodeReport,
    Import,
    Manifest,
    Scenario,
    ScenarioTrace,
    analyse,
    check_folder,
    entry_points,
    load_traces,
    read_manifest,
    read_scenarios,
    scan,
)
from ketch.package.scenario import FOLDER as SCENARIOS_FOLDER
from ketch.package.scenario import TRACES_FILE

SOURCE_ROOT = "src/"
IGNORED = frozenset(
    {".DS_Store", "Thumbs.db", ".gitkeep", ".gitignore", "__pycache__", ".ipynb_checkpoints"}
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A package folder as it was read.

    Attributes:
        folder: The folder, absolute.
        manifest: What it declares; ``None`` when ``ketch.toml`` could not be read.
        code: Path in the package's code folder → file.
        docs, model, samples: Path inside the package → file.
        imports: What the shipped code imports from outside the folder.
        left_out: Files of the folder that do not ship: the project around the package.
        findings: Everything that is wrong, or worth a look.
    """

    folder: Path
    manifest: Manifest | None
    code: Mapping[str, Path] = field(default_factory=dict)
    docs: Mapping[str, Path] = field(default_factory=dict)
    model: Mapping[str, Path] = field(default_factory=dict)
    samples: Mapping[str, Path] = field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = ()
    traces: tuple[ScenarioTrace, ...] = ()
    imports: tuple[Import, ...] = ()
    left_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether a finding keeps the folder from being packed."""
        return any(finding.blocks for finding in self.findings)


def gather(folder: Path) -> Gathered:
    """Read a package folder; nothing is run, and every finding is returned at once."""
    folder = folder.resolve()
    manifest, findings = read_manifest(folder)
    if manifest is None:
        return Gathered(folder, None, findings=findings)
    report = _code(folder, manifest)
    code = {path.removeprefix(SOURCE_ROOT): folder / path for path in report.files}
    docs = {path: folder / path for path in ("README.md", *_below(folder, "docs"))}
    docs = {path: file for path, file in docs.items() if file.is_file()}
    model = {path: folder / path for path in _below(folder, "model")}
    samples, sample_findings = _samples(folder, manifest)
    scenarios, scenario_findings = read_scenarios(folder, manifest.schema)
    traces, trace_findings = _traces(folder)
    shipped = [*report.files, *docs, *model, *_relative(folder, samples.values())]
    texts = (*report.files, *docs, "ketch.toml", *_below(folder, SCENARIOS_FOLDER))
    all_findings = (
        *findings,
        *report.findings,
        *sample_findings,
        *scenario_findings,
        *trace_findings,
        *_promises(scenarios, scenario_findings),
        *check_folder(folder, shipped),
        *scan(folder, texts),
    )
    used = {*shipped, "ketch.toml", *_below(folder, SCENARIOS_FOLDER)}
    return Gathered(
        folder=folder,
        manifest=manifest,
        code=code,
        docs=docs,
        model=model,
        samples=samples,
        scenarios=scenarios,
        traces=traces,
        imports=report.imports,
        left_out=tuple(path for path in _below(folder, "") if path not in used),
        findings=tuple(dict.fromkeys(all_findings)),
    )


def _code(folder: Path, manifest: Manifest) -> CodeReport:
    environment = manifest.environment
    return analyse(
        folder,
        entry_points(manifest),
        include=manifest.pipeline.include,
        variables=(*environment.variables, *environment.required, *environment.secrets),
        python=environment.python,
    )


def _samples(folder: Path, manifest: Manifest) -> tuple[dict[str, Path], tuple[Finding, ...]]:
    """Return every sample by data reference; the findings name those that are missing."""
    samples: dict[str, Path] = {}
    findings = []
    for data in manifest.data:
        if data.sample is None:
            continue
        where = f"ketch.toml: data.{data.name}.sample"
        file = folder / data.sample
        if ".." in Path(data.sample).parts or Path(data.sample).is_absolute():
            message = f"expected a path inside the folder, found `{data.sample}`"
            findings.append(Finding("package/outside", message, where))
        elif not file.is_file():
            findings.append(Finding("package/missing-file", f"no file `{data.sample}`", where))
        else:
            samples[data.name] = file
    return samples, tuple(findings)


def _traces(folder: Path) -> tuple[tuple[ScenarioTrace, ...], tuple[Finding, ...]]:
    path = folder / SCENARIOS_FOLDER / TRACES_FILE
    if not path.is_file():
        return (), ()
    try:
        return load_traces(path.read_bytes()), ()
    except KetchError as problem:
        where = f"{SCENARIOS_FOLDER}/{TRACES_FILE}"
        hint = "`ketch record` writes it anew"
        return (), (Finding("package/trace", problem.message, where, hint),)


def _promises(scenarios: Iterable[Scenario], findings: Iterable[Finding]) -> Iterator[Finding]:
    if not tuple(scenarios) and not tuple(findings):
        yield Finding(
            "scenario/none",
            "expected at least one scenario, found none",
            f"{SCENARIOS_FOLDER}/",
            "write an input as `scenarios/NAME.json`, then run `ketch record`",
        )


def _below(folder: Path, part: str) -> tuple[str, ...]:
    """Return every file below a part of the folder, sorted, as POSIX paths."""
    found = []
    for root, names, files in os.walk(folder / part):
        names[:] = [name for name in names if name not in IGNORED and not _is_hidden(name)]
        here = Path(root).relative_to(folder)
        found += [(here / name).as_posix() for name in files if name not in IGNORED]
    return tuple(sorted(found))


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _relative(folder: Path, files: Iterable[Path]) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]
