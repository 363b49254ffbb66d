"""Reading a package folder: what would ship, what would not, and what is wrong.

Nothing is run, built or written, so everything that can be said of a folder alone is
said at once. What only an environment can tell, such as an import that no library
brings, is added by :mod:`ketch.authoring.build`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ketch.authoring.listing import Looks, below, beside, look
from ketch.authoring.locking import Needs, read_needs
from ketch.errors import Finding, KetchError
from ketch.files import read_file
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
    read_draft,
    read_scenarios,
    scan,
)
from ketch.package.layers import MAX_DOCUMENT_BYTES
from ketch.package.manifest import FILE_NAME
from ketch.package.paths import printable
from ketch.package.refusals import README
from ketch.package.scenario import FOLDER as SCENARIOS
from ketch.package.scenario import TRACES_FILE

MOST_OF_A_CODE = 100
MAX_CODE_BYTES = MAX_DOCUMENT_BYTES - (1 << 20)
"""What ships as `code.tar` is read at once; its headers need some room, too."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """A package folder as it was read.

    Attributes:
        folder: The folder, absolute.
        draft: What could be read of ``ketch.toml``; ``None`` when nothing could.
        manifest: The same, when nothing in it blocks.
        needs: What it asks of its environment.
        code: Path in the package's code folder → file.
        docs, model, samples: Path inside the package, or name of the data → file.
        imports: What the shipped code imports from outside the folder.
        shipped: Every file of the folder that ships as it is, relative to the folder.
        left_out: What lies in the folder and stays there: the project around the package.
        looks: How each file looked that was read.
        findings: Everything that is wrong, or worth a look.
    """

    folder: Path
    draft: Manifest | None
    manifest: Manifest | None
    needs: Needs = field(default_factory=Needs)
    code: Mapping[str, Path] = field(default_factory=dict)
    docs: Mapping[str, Path] = field(default_factory=dict)
    model: Mapping[str, Path] = field(default_factory=dict)
    samples: Mapping[str, Path] = field(default_factory=dict)
    scenarios: tuple[Scenario, ...] = ()
    traces: tuple[ScenarioTrace, ...] = ()
    imports: tuple[Import, ...] = ()
    shipped: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    looks: Looks = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Each file that ships, and its size in bytes."""
        looks = {path: self.looks[path] for path in self.shipped}
        return {path: seen.st_size for path, seen in looks.items() if seen is not None}


def gather(folder: Path) -> Gathered:
    """Read a package folder; every finding is returned at once."""
    folder = folder.resolve()
    draft, findings = read_draft(folder)
    if draft is None:
        return Gathered(folder, None, None, findings=findings)
    is_whole = not any(finding.blocks for finding in findings)
    needs, report = read_needs(folder, draft.environment), _code(folder, draft)
    code, code_findings = _code_files(folder, report)
    samples, sample_findings = _samples(folder, draft)
    files = _list_files(folder, report.files, _shipped(draft, samples))
    read = dict.fromkeys([FILE_NAME, *files.all, *needs.files, *samples.values()])
    looks = look(folder, read)
    scenarios, scenario_findings = _scenarios(folder, draft, is_whole=is_whole)
    traces, trace_findings = _traces(folder)
    all_findings = (
        *(*findings, *report.findings, *code_findings, *needs.findings, *sample_findings),
        *(*scenario_findings, *trace_findings, *_promises(files.scenarios)),
        *check_folder(folder, files.shipped, read=files.scenarios),
        *_size_of_code([looks[path] for path in report.files]),
        *scan(folder, dict.fromkeys([FILE_NAME, *files.all, *needs.requirements.files])),
    )
    return Gathered(
        folder=folder,
        draft=draft,
        manifest=draft if is_whole else None,
        needs=needs,
        code=code,
        docs={path: folder / path for path in files.docs},
        model={path: folder / path for path in files.model},
        samples={name: folder / path for name, path in samples.items()},
        scenarios=scenarios,
        traces=traces,
        imports=report.imports,
        shipped=files.shipped,
        left_out=beside(folder, read),
        looks=looks,
        findings=_told(dict.fromkeys(all_findings)),
    )


def _told(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings, of each code the first hundred: more of them say nothing new."""
    told: list[Finding] = []
    counts: Counter[str] = Counter()
    blocking: set[str] = set()
    for one in findings:
        counts[one.code] += 1
        if counts[one.code] <= MOST_OF_A_CODE:
            told.append(one)
        elif one.blocks:
            blocking.add(one.code)
    for code, count in counts.items():
        if count > MOST_OF_A_CODE:
            more = f"and {count - MOST_OF_A_CODE:,} more of this kind"
            told.append(Finding(code, more, blocks=code in blocking))
    return tuple(told)


@dataclass(frozen=True, slots=True)
class _Files:
    """The files of a folder by what they are for, relative to it."""

    code: tuple[str, ...]
    docs: tuple[str, ...]
    model: tuple[str, ...]
    samples: tuple[str, ...]
    scenarios: tuple[str, ...]

    @property
    def shipped(self) -> tuple[str, ...]:
        """Those that ship as they are."""
        return (*self.code, *self.docs, *self.model, *self.samples)

    @property
    def all(self) -> tuple[str, ...]:
        """Those whose content ships."""
        return (*self.shipped, *self.scenarios)


def _list_files(folder: Path, code: tuple[str, ...], samples: tuple[str, ...]) -> _Files:
    readme = [README] if os.path.lexists(folder / README) else []
    scenarios = tuple(path for path in below(folder, SCENARIOS) if "/." not in path)
    docs = (*readme, *below(folder, "docs"))
    return _Files(code, docs, below(folder, "model"), samples, scenarios)


def _code(folder: Path, manifest: Manifest) -> CodeReport:
    environment = manifest.environment
    return analyse(
        folder,
        entry_points(manifest),
        include=manifest.pipeline.include,
        variables=(*environment.variables, *environment.required, *environment.secrets),
        python=environment.python,
    )


def _code_files(folder: Path, report: CodeReport) -> tuple[dict[str, Path], tuple[Finding, ...]]:
    """Return the shipped code by its path in the package, where ``src/`` is a root like any."""
    root = "src/" if "src" in report.roots else ""
    code: dict[str, Path] = {}
    findings = []
    for path in report.files:
        inside = path.removeprefix(root)
        if inside in code:
            other = code[inside].relative_to(folder).as_posix()
            message = f"`{path}` and `{other}` are one file in the package, `{inside}`"
            findings.append(Finding("package/path-clash", message, path, "rename one"))
        code.setdefault(inside, folder / path)
    return code, tuple(findings)


def _size_of_code(looks: Sequence[os.stat_result | None]) -> Iterator[Finding]:
    total = sum(seen.st_size for seen in looks if seen is not None)
    if total > MAX_CODE_BYTES:
        yield Finding(
            "package/too-large",
            f"expected at most {MAX_CODE_BYTES} bytes of code, found {total}",
            "code",
            "put what is no code below `model/`, where files are read in place",
        )


def _samples(folder: Path, manifest: Manifest) -> tuple[dict[str, str], tuple[Finding, ...]]:
    """Return every sample by data reference; the findings name those that are missing."""
    samples: dict[str, str] = {}
    findings = []
    for data in manifest.data:
        if data.sample is None:
            continue
        where = f"{FILE_NAME}: data.{data.name}.sample"
        path = Path(data.sample)
        if ".." in path.parts or path.is_absolute():
            message = f"expected a path inside the folder, found `{printable(data.sample)}`"
            findings.append(Finding("package/outside", message, where))
        elif not _is_file(folder / path):
            message = f"no file `{printable(data.sample)}`"
            findings.append(Finding("package/missing-file", message, where))
        else:
            samples[data.name] = path.as_posix()
    return samples, tuple(findings)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # below a folder that may not be entered
        return False


def _shipped(manifest: Manifest, samples: Mapping[str, str]) -> tuple[str, ...]:
    shipped = {data.name for data in manifest.data if data.ship}
    return tuple(path for name, path in samples.items() if name in shipped)


def _scenarios(
    folder: Path, manifest: Manifest, *, is_whole: bool
) -> tuple[tuple[Scenario, ...], tuple[Finding, ...]]:
    scenarios, findings = read_scenarios(folder, manifest.schema)
    if is_whole:
        return scenarios, findings
    # The cells of a table have no types where the schema has gaps.
    return scenarios, tuple(one for one in findings if ".csv" not in (one.where or ""))


def _traces(folder: Path) -> tuple[tuple[ScenarioTrace, ...], tuple[Finding, ...]]:
    path = folder / SCENARIOS / TRACES_FILE
    try:
        return load_traces(read_file(path, most=MAX_DOCUMENT_BYTES)), ()
    except OSError:  # there are none, or `check_folder` reports it
        return (), ()
    except KetchError as problem:
        where = f"{SCENARIOS}/{TRACES_FILE}"
        hint = "`ketch record` writes it anew"
        return (), (Finding("package/trace", problem.message, where, hint),)


def _promises(written: Sequence[str]) -> Iterator[Finding]:
    if not set(written) - {f"{SCENARIOS}/{TRACES_FILE}"}:
        yield Finding(
            "scenario/none",
            "expected at least one scenario, found none",
            f"{SCENARIOS}/",
            "write an input as `scenarios/NAME.json`, then run `ketch record`",
        )
    for path in written:
        if path.count("/") > 1:
            message = "expected scenarios in the folder itself, found one below it"
            yield Finding("scenario/unreadable", message, path, f"move it into `{SCENARIOS}/`")
