"""Packing: build a package, prove it in its own environment, and store it.

The order matters: nothing is tagged before it is verified, so the store holds no
version that never kept its contract, and whatever is interrupted leaves only blobs
that ``ketch gc`` clears away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ketch.authoring.build import Options, build
from ketch.authoring.locking import keep_lock
from ketch.authoring.prove import keep_report, prove_package
from ketch.authoring.published import check_unpublished
from ketch.errors import Finding
from ketch.files import check_place
from ketch.package import Package
from ketch.progress import Progress, Silent
from ketch.runtime import Home
from ketch.store import write_archive
from ketch.verify import Report


@dataclass(frozen=True, slots=True)
class Packed:
    """What packing did.

    Attributes:
        package: The package, in the store.
        report: What verification found; ``None`` when it was left out.
        findings: Advice that did not stop the work.
        files: Each file of the folder that the package holds, and its size in bytes.
        left_out: What lies in the folder and is no part of the package.
        archive: The archive that was written, if any.
    """

    package: Package
    report: Report | None
    findings: tuple[Finding, ...]
    files: Mapping[str, int]
    left_out: tuple[str, ...]
    archive: Path | None = None

    @property
    def verified(self) -> bool:
        """Whether the package kept its contract, here and now."""
        return self.report is not None and self.report.passed

    def __repr__(self) -> str:
        """Return one line: in a notebook it is what a cell shows."""
        state = "verified" if self.verified else "NOT verified"
        return f"<packed {self.package.reference}, {state}, {self.package.digest.short}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the package, and what verification found."""
        found = "" if self.report is None else self.report._repr_html_()
        return f"{self.package._repr_html_()}{found}"

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch pack --json``."""
        manifest = self.package.manifest
        components = {name: str(digest) for name, digest in self.package.components.items()}
        return {
            "name": str(manifest.name),
            "version": str(manifest.version),
            "digest": str(self.package.digest),
            "size_bytes": self.package.size_bytes,
            "verified": self.verified,
            "components": components,
            "findings": [finding.to_json() for finding in self.findings],
            "files": dict(self.files),
            "left_out": list(self.left_out),
            "report": None if self.report is None else self.report.to_json(),
            "archive": None if self.archive is None else str(self.archive),
        }


def pack(
    folder: Path | str,
    *,
    home: Home | Path | str | None = None,
    verified: bool = True,
    archive: Path | str | None = None,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Packed:
    """Build a package from a folder, prove that it keeps its contract, and store it.

    Args:
        folder: The authored package.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        verified: Whether to verify it; without, it is stored as unverified.
        archive: Also write the package, with its attestation, as one OCI archive.
        options: How to build.
        progress: Told what is being done.

    Returns:
        What was done. When verification failed, the package is in the store without
        a tag, and :attr:`Packed.report` says what broke.

    Raises:
        NotFound: There is no such folder.
        Refused: Something is wrong with the folder; the findings name all of it. Or the
            version is published, as another package.
        Unavailable: The package index, a disk or an interpreter cannot be reached.
    """
    home, options, progress = Home.of(home), options or Options(), progress or Silent()
    archive = None if archive is None else Path(archive)
    if archive is not None:
        check_place(archive)  # before the work, not after it
    built = build(Path(folder), home, options, progress, install=verified)
    keep_lock(built.gathered.folder, built.lock)
    package, gathered = built.package, built.gathered
    advice = (*built.findings, *check_unpublished(package, home, offline=options.offline))
    packed = Packed(package, None, advice, gathered.sizes, gathered.left_out)
    if verified:
        report = prove_package(
            package, home, progress=progress, offline=options.offline, samples=gathered.samples
        )
        packed = replace(packed, report=report)
        keep_report(report, package, home)
        if not report.passed:
            return packed
    replaced = tag_package(package, home, options)
    if archive is not None:
        progress.step(f"writing {archive.name}")
        write_archive(home.store, package.descriptor, archive, name=package.reference)
    return replace(packed, findings=(*advice, *replaced), archive=archive)


def tag_package(package: Package, home: Home, options: Options) -> tuple[Finding, ...]:
    """Point ``name:version`` at the package; say so when it pointed elsewhere.

    Until a version is published to a registry it is the author's own to pack again.
    """
    tag = package.reference
    before = home.store.resolve(tag)
    if before is not None and before.digest == package.digest:
        return ()
    if before is not None:  # which may have been published while this one was verified
        check_unpublished(package, home, offline=options.offline)
    home.store.tag(tag, package.descriptor, replace=True)
    if before is None:
        return ()
    message = f"`{tag}` was `{before.digest.short}`, and is `{package.digest.short}` now"
    hint = "raise the version in ketch.toml to keep both"
    return (Finding("package/replaced", message, hint=hint, blocks=False),)
