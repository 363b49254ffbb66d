"""A folder as the package it would be: to be looked at, not to be stored or run.

What keeps a folder from being packed does not keep it from being looked at: an unfinished
scenario, an absolute path in the code, an import that nothing brings. It has to be readable,
and its environment has to be known. Large files stay where they are; they are hashed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.build import Options, refused, sources_of
from ketch.authoring.gather import Gathered, gather
from ketch.authoring.locking import locked
from ketch.authoring.profiles import FOLDER as PROFILES
from ketch.authoring.profiles import profiles_of
from ketch.errors import DigestMismatch, Finding, NotFound, PackageError
from ketch.files import explained, read_file
from ketch.package import Digest, Manifest, Package, Scenario, Sources, open_package
from ketch.package.blobs import Stored
from ketch.package.built import describe, layers_of
from ketch.progress import Progress
from ketch.runtime import Home
from ketch.store.base import MAX_READ_BYTES
from ketch.store.copying import hash_of_file


@dataclass(frozen=True, slots=True)
class Preview:
    """A folder, as the package it would be, and everything that is wrong with it."""

    package: Package
    findings: tuple[Finding, ...]


def preview(folder: Path, home: Home, options: Options, progress: Progress) -> Preview:
    """Return what a folder would be as a package; nothing is stored.

    A scenario that expects nothing yet is no part of it, as no package may have one.

    Args:
        folder: The authored package.
        home: Whose profiles of data samples to use.
        options: How the environment is resolved, where no lock of the folder fits.
        progress: Told what is being done.

    Raises:
        NotFound: There is no such folder.
        Refused: Its ``ketch.toml`` or its requirements cannot be read.
        Unavailable: The environment has to be resolved, and cannot be now.
    """
    if not folder.is_dir():
        raise NotFound(f"no folder `{folder}`", code="package/no-folder", where=str(folder))
    progress.step("reading the folder")
    gathered = gather(folder)
    findings = options.mind(gathered.findings)
    manifest = gathered.manifest
    if manifest is None or gathered.needs.findings or _lacks_sample(gathered, manifest):
        raise refused(folder, findings)
    lock = locked(gathered.needs, progress=progress, offline=options.offline)
    kept = home.path / PROFILES
    profiles, more = profiles_of(gathered.samples, manifest, kept, progress)
    promised = tuple(one for one in gathered.scenarios if _promises(one))
    whole = replace(gathered, scenarios=promised)
    package = _described(sources_of(whole, manifest, lock, profiles))
    return Preview(package, (*findings, *more))


def _lacks_sample(gathered: Gathered, manifest: Manifest) -> bool:
    return any(data.ship and data.name not in gathered.samples for data in manifest.data)


def _promises(scenario: Scenario) -> bool:
    return scenario.expected is not None or scenario.expected_error is not None


def _described(sources: Sources) -> Package:
    """Return the package that some sources make, whose large files stay where they are."""
    layers = layers_of(sources)
    contents = [layer.content for layer in layers]
    small = [content for content in contents if isinstance(content, bytes)]
    hashed = _Files(small, {content for content in contents if isinstance(content, Path)})
    stored = {layer.path: hashed.stored(layer.content) for layer in layers}
    artifact, config = describe(sources.manifest, layers, stored)
    hashed.add(config)
    return open_package(hashed.add(artifact.to_bytes()).digest, hashed)


class _Files:
    """Some bytes, and files where they lie, by digest."""

    def __init__(self, contents: Iterable[bytes], files: Iterable[Path]) -> None:
        self._contents: dict[Digest, bytes] = {}
        for content in contents:
            self.add(content)
        self._stored: Mapping[Path, Stored] = {path: hash_of_file(path) for path in files}
        self._paths = {stored.digest: path for path, stored in self._stored.items()}

    def add(self, content: bytes) -> Stored:
        """Keep some bytes."""
        stored = Stored(Digest.of(content), len(content))
        self._contents[stored.digest] = content
        return stored

    def stored(self, content: bytes | Path) -> Stored:
        """Return digest and size of some bytes, or of a file that was hashed."""
        return self._stored[content] if isinstance(content, Path) else self.add(content)

    def read(self, digest: Digest, *, max_bytes: int = MAX_READ_BYTES) -> bytes:
        """Return content whose digest is checked on the way."""
        content = self._contents.get(digest)
        if content is None:
            content = _read(self.path(digest), max_bytes)
        if len(content) > max_bytes:
            message = f"expected at most {max_bytes} bytes, found more"
            raise PackageError(message, code="store/blob-too-large", where=str(digest))
        if Digest.of(content) != digest:
            found = Digest.of(content)
            raise DigestMismatch(f"expected `{digest}`, found `{found}`", where=str(digest))
        return content

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob in bytes; ``None`` when it is not there."""
        content, path = self._contents.get(digest), self._paths.get(digest)
        if content is not None:
            return len(content)
        return None if path is None else self._stored[path].size

    def path(self, digest: Digest) -> Path:
        """Return where a file lies."""
        path = self._paths.get(digest)
        if path is None:
            message = f"expected a file with the digest `{digest}`, found none"
            raise NotFound(message, code="store/no-blob", where=str(digest))
        return path

    def verify_all(self, digests: Sequence[Digest]) -> None:
        """Hash again; a file that was written to meanwhile is another."""
        for digest in digests:
            path = self._paths.get(digest)
            if path is not None and (found := hash_of_file(path).digest) != digest:
                raise DigestMismatch(f"expected `{digest}`, found `{found}`", where=str(path))


def _read(path: Path, most: int) -> bytes:
    with explained(path):
        return read_file(path, most=most)
