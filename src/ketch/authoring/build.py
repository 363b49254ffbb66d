"""Building: from a gathered folder to a package in a store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.gather import Gathered, gather
from ketch.authoring.locking import locked
from ketch.authoring.progress import Progress
from ketch.errors import Finding, KetchError, NotFound, Refused
from ketch.package import Manifest, Package, Sources, open_package
from ketch.package.built import write
from ketch.runtime import Home
from ketch.tables import Profile


@dataclass(frozen=True, slots=True)
class Options:
    """How to build.

    Attributes:
        link: Hard-link model files into the store instead of copying them.
        offline: Use only what lies on this machine.
        upgrade: Resolve the newest versions of every library.
        forgive: Codes of findings that do not stop the work here.
    """

    link: bool = False
    offline: bool = False
    upgrade: bool = False
    forgive: frozenset[str] = frozenset()

    def blocks(self, findings: Iterable[Finding]) -> bool:
        """Return whether one of these findings stops the work."""
        return any(one.blocks and one.code not in self.forgive for one in findings)


@dataclass(frozen=True, slots=True)
class Built:
    """A package that was built but not verified, and what was seen on the way."""

    gathered: Gathered
    package: Package
    findings: tuple[Finding, ...]


def build(folder: Path, home: Home, options: Options, progress: Progress) -> Built:
    """Build a package from a folder, into the store, without a tag.

    Raises:
        NotFound: There is no such folder.
        Refused: Something is wrong with the folder; the findings name all of it.
        Unavailable: The package index, a disk or an interpreter cannot be reached.
    """
    if not folder.is_dir():
        raise NotFound(f"no folder `{folder}`", code="package/no-folder")
    progress.step("reading the folder")
    gathered = gather(folder)
    manifest = gathered.manifest
    if manifest is None:
        raise refused(folder, gathered.findings)
    lock = locked(
        gathered, manifest, progress=progress, offline=options.offline, upgrade=options.upgrade
    )
    findings = (*gathered.findings, *lock.findings)
    if lock.lock is None or options.blocks(findings):
        raise refused(folder, findings)
    profiles = _profiles(gathered, manifest, progress)
    exact = replace(manifest.environment, python=lock.lock.python)
    sources = Sources(
        manifest=replace(manifest, environment=exact),
        lock=str(lock.lock.without_inputs()).encode(),
        code={path: file.read_bytes() for path, file in gathered.code.items()},
        docs=gathered.docs,
        model=gathered.model,
        samples=_shipped(gathered, manifest),
        profiles=profiles,
        scenarios=gathered.scenarios,
        traces=gathered.traces,
    )
    package = _store(sources, home, options, progress)
    return Built(gathered, package, findings)


def refused(folder: Path, findings: tuple[Finding, ...]) -> Refused:
    """Return the refusal to pack a folder."""
    count = sum(finding.blocks for finding in findings)
    what = "1 thing is wrong" if count == 1 else f"{count} things are wrong"
    return Refused(
        f"`{folder}` cannot be packed: {what}", code="package/refused", findings=findings
    )


def _profiles(gathered: Gathered, manifest: Manifest, progress: Progress) -> dict[str, Profile]:
    if not gathered.samples:
        return {}
    from ketch.tables.scan import profile_file  # numpy: 0.1 s that few packages need

    times = {data.name: data.time_column for data in manifest.data}
    profiles = {}
    for name, file in gathered.samples.items():
        progress.step(f"profiling {file.name}")
        try:
            profiles[name] = profile_file(file, time_column=times[name])
        except KetchError as problem:
            where = f"ketch.toml: data.{name}"
            finding = Finding(problem.code, problem.message, where, problem.hint)
            raise refused(gathered.folder, (*gathered.findings, finding)) from problem
    return profiles


def _shipped(gathered: Gathered, manifest: Manifest) -> dict[str, Path]:
    return {
        f"data/{data.name}/{gathered.samples[data.name].name}": gathered.samples[data.name]
        for data in manifest.data
        if data.ship
    }


def _store(sources: Sources, home: Home, options: Options, progress: Progress) -> Package:
    files = _files(sources)
    total = sum(file.stat().st_size for file in files)
    progress.step("storing", total_bytes=total)
    model = list(sources.model.values())
    stored = dict(home.store.put_files(model, link=options.link, progress=progress.advance))
    others = [file for file in files if file not in stored]
    stored.update(home.store.put_files(others, progress=progress.advance))
    descriptor = write(sources, home.store, files=stored)
    return open_package(descriptor.digest, home.store)


def _files(sources: Sources) -> list[Path]:
    groups: tuple[Mapping[str, Path], ...] = (sources.model, sources.docs, sources.samples)
    return list(dict.fromkeys(file for group in groups for file in group.values()))
