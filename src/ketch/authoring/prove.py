"""Proving: run a package's contract, whether it is a folder, an archive or stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ketch.authoring.build import Options, build
from ketch.authoring.gather import Gathered
from ketch.errors import NotFound, Refused, UsageError
from ketch.package import Package, PackageVersion, Reference, ScenarioTrace, open_package
from ketch.package.names import check_version
from ketch.progress import Progress, Silent
from ketch.runtime import Home
from ketch.store import attach, newest_passing, read_archive
from ketch.verify import Report, attest

ARCHIVE_SUFFIX = ".tar"
MOST_REFERENCES = 10
"""Packages whose earlier traces are looked at."""


def prove_package(
    package: Package,
    home: Home,
    *,
    progress: Progress,
    offline: bool = False,
    samples: Mapping[str, Path] | None = None,
) -> Report:
    """Verify a stored package in its own environment, which is built if need be.

    Args:
        package: The package.
        home: Where its environment is kept.
        progress: Told what is being done.
        offline: Use only what lies on this machine.
        samples: Data reference name → file that is at hand beside the package, for metrics.

    Raises:
        Unavailable: The environment cannot be built now.
    """
    # All that runs a package: packing one without proof does without.
    from ketch.runtime import prepared
    from ketch.verify import verify

    with prepared(
        package, home, samples=samples, second_seed=1, offline=offline, progress=progress.step
    ) as ready:
        return verify(
            package,
            ready.start,
            data=ready.data,
            references=references(package, home),
            progress=progress.step,
        )


def prove(
    target: Path | str,
    *,
    home: Home | Path | str | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Report:
    """Verify a package folder, an archive, or a package in the store.

    A folder is built first, into the store but without a tag; it stays as it is. The
    package of an archive gets its name here, once it kept its contract and if the name
    is free. What is kept of the report: see :func:`keep_report`.

    Args:
        target: A folder, an archive file, or a reference.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        options: How to build a folder.
        progress: Told what is being done.
    """
    home, options, progress = Home.of(home), options or Options(), progress or Silent()
    package, gathered = target_package(str(target), home, options, progress)
    samples = None if gathered is None else gathered.samples
    report = prove_package(
        package, home, progress=progress, offline=options.offline, samples=samples
    )
    keep_report(report, package, home)
    if report.passed and Path(target).is_file():
        return replace(report, notes=(*report.notes, *_named(package, home)))
    return report


def keep_report(report: Report, package: Package, home: Home) -> None:
    """Attach the attestation of a report: one that passed, or any about a tagged package.

    A folder in the making breaks its contract many times, which is nobody's business. A
    package with a name that no longer keeps it is everybody's.
    """
    tagged = {descriptor.digest for descriptor in home.store.tags().values()}
    if report.passed or package.digest in tagged:
        attach(attest(report), package, home.store)


def _named(package: Package, home: Home) -> Iterator[str]:
    """Tag a package that came as a file, unless its name is taken; yield what to say."""
    name = package.reference
    try:
        is_new = home.store.resolve(name) is None
        home.store.tag(name, package.descriptor)
    except Refused:
        digest = f"{package.manifest.name}@{package.digest}"
        yield f"`{name}` is another package here; this one stays without a name, as `{digest}`"
    else:
        if is_new:
            yield f"`{name}` is in the store now"


def target_package(
    target: str, home: Home, options: Options, progress: Progress, *, install: bool = True
) -> tuple[Package, Gathered | None]:
    """Return the package that a folder, an archive or a reference means.

    A folder is built into the store without a tag, and is the second value. Nothing is
    written into it; ``install`` is as for :func:`ketch.authoring.build.build`.
    """
    path = Path(target)
    if path.is_dir():
        built = build(path, home, options, progress, install=install)
        return built.package, built.gathered
    if path.is_file():
        if path.name == "ketch.toml":
            raise UsageError(
                f"expected a folder, an archive or a reference, found the file `{target}`",
                code="usage/target",
                where=target,
                hint=f"name its folder: `{path.parent}`",
            )
        progress.step(f"reading {path.name}")
        roots = [root for _, root in read_archive(path, home.store).roots]
        if len(roots) != 1:
            raise UsageError(
                f"expected one package in `{path}`, found {len(roots)}",
                code="archive/several",
                where=str(path),
                hint="write the one you mean to an archive of its own: `ketch pack -o FILE`",
            )
        return open_package(roots[0].digest, home.store), None
    if "/" in target or target.endswith(ARCHIVE_SUFFIX):
        raise NotFound(f"no folder or archive `{target}`", code="package/no-folder", where=target)
    return home.open(Reference.parse(target), progress=progress), None


def references(package: Package, home: Home) -> list[Sequence[ScenarioTrace]]:
    """Return earlier traces to compare with, the best first.

    A package with a name is compared with itself, then with the other versions in the store:
    the one before it first, and those after it last. A folder in the making is compared with
    those first: it is the change that is of interest. Of each package, the newest
    verification that passed counts.
    """
    tags = home.store.tags()
    found = sorted(_versions(str(package.manifest.name), tags), reverse=True)
    mine = package.manifest.version
    later = [one for one in reversed(found) if mine < one]
    versions = [*(one for one in found if one not in later), *later]
    others = [tags[f"{package.manifest.name}:{version}"].digest for version in versions]
    own = (package.digest,)
    ordered = (*own, *others) if package.digest in others else (*others, *own)
    digests = list(dict.fromkeys(ordered))[:MOST_REFERENCES]
    kept = (newest_passing(digest, home.store) for digest in digests)
    return [one.traces for one in kept if one is not None]


def _versions(name: str, tags: Iterable[str]) -> list[PackageVersion]:
    """Return the versions of a package that have tags."""
    found = [tag.removeprefix(f"{name}:") for tag in tags if tag.startswith(f"{name}:")]
    return [PackageVersion(version) for version in found if not check_version(version)]
