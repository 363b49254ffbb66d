"""All that reading the code of a package tells, in one report."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding
from ketch.package.code.closure import Closure
from ketch.package.code.entries import EntryPoint
from ketch.package.code.imports import Import
from ketch.package.code.include import expand
from ketch.package.code.literals import check_paths, check_variables
from ketch.package.code.modules import LocalModules


@dataclass(frozen=True, slots=True)
class CodeReport:
    """What reading the code of a package tells.

    Attributes:
        files: Paths that must ship, sorted, relative to the folder, with ``/``.
        roots: Folders to put on the import path, in this order: ``""`` is the folder itself.
        imports: Imports of modules that the folder does not hold, the standard
            library's too; :func:`ketch.package.code.undeclared` judges them.
        findings: Everything that is wrong, or worth a look.
    """

    files: tuple[str, ...]
    roots: tuple[str, ...]
    imports: tuple[Import, ...]
    findings: tuple[Finding, ...]


def analyse(
    folder: Path,
    entries: Sequence[EntryPoint],
    *,
    include: Sequence[str] = (),
    variables: Collection[str] = (),
    python: str | None = None,
) -> CodeReport:
    """Read the code that a package's entry points reach.

    Args:
        folder: The authored package.
        entries: The functions that ``ketch.toml`` names.
        include: Glob patterns of further files to ship.
        variables: Environment variables that the package declares, secrets included.
        python: The version the package runs on, such as ``3.11``; that of ketch by default.
    """
    extras, findings = expand(folder, include)
    closure = Closure(folder, LocalModules(folder), python)
    closure.findings.extend(findings)
    for entry in entries:
        closure.enter(entry)
    closure.add(*(closure.local.at(path) for path in extras if path.endswith(".py")))
    closure.follow()
    for entry in entries:
        closure.findings.extend(closure.check(entry))
    for source in closure.sources:
        closure.findings.extend(check_paths(source))
        closure.findings.extend(check_variables(source, variables))
    return CodeReport(
        files=tuple(sorted({*closure.paths, *extras})),
        roots=closure.roots,
        imports=tuple(dict.fromkeys(closure.imports)),
        findings=tuple(dict.fromkeys(closure.findings)),
    )
