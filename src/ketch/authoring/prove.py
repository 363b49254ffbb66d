"""Proving: run a package's contract, whether it is a folder, an archive or stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ketch.authoring.build import Options, build, refused
from ketch.authoring.gather import Gathered
from ketch.authoring.progress import Progress, Silent
from ketch.env import module_owners
from ketch.errors import NotFound, UsageError
from ketch.package import Package, Reference, ScenarioTrace, open_package, undeclared
from ketch.runtime import Home, Prepared, prepared
from ketch.store import read_archive
from ketch.verify import Report, attach, attest, attestations, verify

ARCHIVE_SUFFIX = ".tar"


def prove_package(
    package: Package,
    home: Home,
    *,
    progress: Progress,
    offline: bool = False,
    gathered: Gathered | None = None,
) -> Report:
    """Verify a stored package in its own environment, which is built if need be.

    Args:
        package: The package.
        home: Where its environment is kept.
        progress: Told what is being done.
        offline: Use only what lies on this machine.
        gathered: The folder it was built from, when that is at hand: its samples feed
            the metrics, and its imports are checked against the lock.

    Raises:
        Refused: The code imports what no library of the lock provides.
        Unavailable: The environment cannot be built now.
    """
    samples = None if gathered is None else gathered.samples
    with prepared(package, home, samples=samples, offline=offline, progress=progress.step) as ready:
        if gathered is not None:
            _check_imports(gathered, ready)
        return verify(
            package,
            ready.start,
            data=ready.data,
            references=references(package, home),
            progress=progress.step,
        )


def prove(
    target: str,
    *,
    home: Home | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify a package folder, an archive, or a package in the store.

    A folder is built first, into the store but without a tag. A passing report is
    kept beside the package as an attestation.

    Args:
        target: A folder, an archive file, or a reference.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        options: How to build a folder.
        progress: Told what is being done.
    """
    home, options, progress = home or Home.default(), options or Options(), progress or Silent()
    package, gathered = target_package(target, home, options, progress)
    report = prove_package(
        package, home, progress=progress, offline=options.offline, gathered=gathered
    )
    if report.passed:
        attach(attest(report), package, home.store)
    return report


def target_package(
    target: str, home: Home, options: Options, progress: Progress
) -> tuple[Package, Gathered | None]:
    """Return the package that a folder, an archive or a reference means.

    A folder is built into the store without a tag, and is the second value.
    """
    path = Path(target)
    if path.is_dir():
        built = build(path, home, options, progress)
        return built.package, built.gathered
    if path.is_file():
        progress.step(f"reading {path.name}")
        roots = [root for _, root in read_archive(path, home.store).roots]
        if len(roots) != 1:
            raise UsageError(f"expected one package in `{path}`, found {len(roots)}")
        return open_package(roots[0].digest, home.store), None
    if "/" in target or target.endswith(ARCHIVE_SUFFIX):
        raise NotFound(f"no folder or archive `{target}`", code="package/no-folder")
    return home.open(Reference.parse(target)), None


def references(package: Package, home: Home) -> list[Sequence[ScenarioTrace]]:
    """Return earlier traces to compare with, the best first.

    Those of the same package come first, then those of other versions of its name in
    the store, the newest first; only traces of a verification that passed count.
    """
    found: list[Sequence[ScenarioTrace]] = []
    prefix = f"{package.manifest.name}:"
    others = [tag.digest for name, tag in home.store.tags().items() if name.startswith(prefix)]
    for digest in dict.fromkeys((package.digest, *reversed(others))):
        found += [one.traces for one in attestations(digest, home.store) if one.passed]
    return found


def _check_imports(gathered: Gathered, ready: Prepared) -> None:
    python = ready.package.manifest.environment.python
    owners = module_owners(ready.environment)
    missing = undeclared(gathered.imports, owners, python=python)
    if any(finding.blocks for finding in missing):
        raise refused(gathered.folder, (*gathered.findings, *missing))
