"""Building: from a folder to a package in a store.

Everything that is wrong is told before anything is stored. First what the folder alone
tells; when that blocks, what can be added without much work is added and nothing else is
begun. Then what takes an environment and a pass over the data to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.gather import Gathered, gather
from ketch.authoring.listing import refuse_changed
from ketch.authoring.locking import holds_lock, locked
from ketch.authoring.profiles import FOLDER as PROFILES
from ketch.authoring.profiles import profiles_of
from ketch.env import LOCK_FILE, Environment, Lock, module_owners
from ketch.errors import Finding, NotFound, Refused
from ketch.package import Manifest, Package, Sources, open_package, undeclared, unnamed
from ketch.package.built import write
from ketch.progress import Progress
from ketch.runtime import Home
from ketch.tables import Profile

SMALL_SAMPLE_BYTES = 32_000_000
"""A folder that is refused anyway is not made to wait for larger samples."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to build.

    Attributes:
        link: Hard-link model files into the store instead of copying them.
        offline: Use only what lies on this machine.
        upgrade: Resolve the newest versions of every library.
        forgive: Codes of findings that do not matter here.
    """

    link: bool = False
    offline: bool = False
    upgrade: bool = False
    forgive: frozenset[str] = frozenset()

    def mind(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Return the findings that matter here."""
        return tuple(finding for finding in findings if finding.code not in self.forgive)


@dataclass(frozen=True, slots=True)
class Built:
    """A package that was built but not verified, and what was seen on the way."""

    gathered: Gathered
    package: Package
    lock: Lock
    findings: tuple[Finding, ...]


def build(
    folder: Path, home: Home, options: Options, progress: Progress, *, install: bool = True
) -> Built:
    """Build a package from a folder, into the store, without a tag; the folder stays as it is.

    Args:
        folder: The authored package.
        home: Whose store, environments and profiles to use.
        options: How to build.
        progress: Told what is being done.
        install: Whether to make its environment, and compare the imports with it.

    Raises:
        NotFound: There is no such folder.
        Refused: Something is wrong with the folder; the findings name all of it.
        Unavailable: The package index, a disk or an interpreter cannot be reached, or
            a file of the folder changed meanwhile.
    """
    if not folder.is_dir():
        raise NotFound(f"no folder `{folder}`", code="package/no-folder", where=str(folder))
    progress.step("reading the folder")
    gathered = gather(folder)
    findings = options.mind(gathered.findings)
    manifest = gathered.manifest
    if manifest is None or _blocks(findings):
        raise refused(folder, (*findings, *_seen_at_once(gathered, home, progress)))
    lock = locked(
        gathered.needs, progress=progress, offline=options.offline, upgrade=options.upgrade
    )
    environment = _environment(lock, home, options, progress, install=install)
    kept = home.path / PROFILES
    profiles, data_findings = profiles_of(gathered.samples, manifest, kept, progress)
    findings = (
        *findings,
        *_imports(gathered, lock, environment),
        *_versions(gathered, lock),
        *data_findings,
    )
    if _blocks(findings):
        raise refused(folder, findings)
    sources = sources_of(gathered, manifest, lock, profiles)
    package = _store(sources, home, options, progress)
    looks = dict(gathered.looks)
    if holds_lock(gathered.folder, lock):
        looks.pop(LOCK_FILE, None)  # whoever wrote it meanwhile, it is the one that was used
    refuse_changed(gathered.folder, looks)
    return Built(gathered, package, lock, findings)


def refused(folder: Path, findings: tuple[Finding, ...]) -> Refused:
    """Return the refusal to pack a folder."""
    count = sum(finding.blocks for finding in findings)
    what = "1 thing is wrong" if count == 1 else f"{count} things are wrong"
    return Refused(
        f"`{folder}` cannot be packed: {what}", code="package/refused", findings=findings
    )


def _blocks(findings: Iterable[Finding]) -> bool:
    return any(finding.blocks for finding in findings)


def _seen_at_once(gathered: Gathered, home: Home, progress: Progress) -> tuple[Finding, ...]:
    """Return what else is wrong with a refused folder, as far as no work is needed to know."""
    if gathered.draft is None:
        return ()
    lock = gathered.needs.fitting
    environment = None if lock is None else home.environments.find(lock)
    samples = {
        name: file
        for name, file in gathered.samples.items()
        if file.stat().st_size <= SMALL_SAMPLE_BYTES
    }
    _, findings = profiles_of(samples, gathered.draft, home.path / PROFILES, progress)
    return (*_imports(gathered, lock, environment), *findings)


def _environment(
    lock: Lock, home: Home, options: Options, progress: Progress, *, install: bool
) -> Environment | None:
    if not install:
        return home.environments.find(lock)
    progress.step("building the environment")
    return home.environments.ensure(lock, offline=options.offline, progress=progress.step)


def _imports(
    gathered: Gathered, lock: Lock | None, environment: Environment | None
) -> tuple[Finding, ...]:
    """Return the imports that nothing brings; without an environment, those nothing names."""
    needs = gathered.needs
    python = needs.declared.python
    if environment is not None:
        return undeclared(gathered.imports, module_owners(environment), python=python)
    names = needs.names if lock is None else frozenset(one.name for one in lock.packages)
    return unnamed(gathered.imports, names, python=python)


def _versions(gathered: Gathered, lock: Lock) -> tuple[Finding, ...]:
    from ketch.authoring.drafting.recorded import other_versions  # zip, mmap and compressions

    return other_versions(gathered.model, lock)


def sources_of(
    gathered: Gathered, manifest: Manifest, lock: Lock, profiles: Mapping[str, Profile]
) -> Sources:
    """Return what a package is made of, once its lock and its profiles are known."""
    exact = replace(manifest.environment, python=lock.python)
    return Sources(
        manifest=replace(manifest, environment=exact),
        lock=str(lock.without_inputs()).encode(),
        code={path: file.read_bytes() for path, file in gathered.code.items()},
        docs=gathered.docs,
        model=gathered.model,
        samples=_shipped(gathered, manifest),
        profiles=profiles,
        scenarios=gathered.scenarios,
        traces=gathered.traces,
    )


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
    with home.store.incoming() as incoming:
        descriptor = write(sources, incoming, files=stored)
        incoming.commit()
    return open_package(descriptor.digest, home.store)


def _files(sources: Sources) -> list[Path]:
    groups: tuple[Mapping[str, Path], ...] = (sources.model, sources.docs, sources.samples)
    return list(dict.fromkeys(file for group in groups for file in group.values()))
