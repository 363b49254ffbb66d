"""What people name to be compared: a package somewhere, an archive, or a folder.

A package that only the hub has is read there, as far as it is asked for; a folder is looked
at as it is, and neither stored nor changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding
from ketch.package import Package, Reference
from ketch.progress import Progress
from ketch.runtime import Home

ARCHIVE_SUFFIX = ".tar"


@dataclass(frozen=True, slots=True)
class Target:
    """A package that was named.

    Attributes:
        said: What names it.
        package: The package.
        findings: What keeps a folder from being packed, or is worth a look there.
    """

    said: str
    package: Package
    findings: tuple[Finding, ...] = ()


@contextmanager
def opened(said: str, home: Home, progress: Progress, *, offline: bool = False) -> Iterator[Target]:
    """Yield what a package folder, an archive or a reference means, to be read.

    Args:
        said: What names it, such as `shop:1.0.0`, `shop@prod`, `./shop`.
        home: Where packages are.
        progress: Told what is being done.
        offline: Use only what lies on this machine, where no lock of a folder fits.

    Raises:
        NotFound: There is no such package.
        Refused: The folder cannot be read as a package.
    """
    path = Path(said)
    if path.exists() or "/" in said or said.endswith(ARCHIVE_SUFFIX):
        yield _at(path, said, home, progress, offline=offline)
    else:
        with home.look(Reference.parse(said)) as package:
            yield Target(said, package)


def _at(path: Path, said: str, home: Home, progress: Progress, *, offline: bool) -> Target:
    """Return what lies at a path."""
    from ketch.authoring import Options, target_package  # all that reads folders: 0.1 s
    from ketch.authoring.preview import preview

    options = Options(offline=offline)
    if path.is_dir():
        seen = preview(path, home, options, progress)
        return Target(said, seen.package, seen.findings)
    return Target(said, target_package(said, home, options, progress)[0])
