"""A package laid out as files: verified, private, read in place.

Nothing is ever extracted by a library. Every file is written from a list that was
checked, into a folder that only this process and its worker know.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ketch.files import explained
from ketch.package import Package


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a package lie while it runs.

    Attributes:
        code: The folder its modules are imported from.
        model: The folder that ``load`` receives.
        scratch: The only folder its code may write to.
        data: Data reference name → shipped sample.
    """

    code: Path
    model: Path
    scratch: Path
    data: Mapping[str, Path]


def lay_out(package: Package, folder: Path) -> Layout:
    """Write the code of a package, and link its model files, into an empty folder.

    Every byte is hashed again before it is believed; large files are hashed in
    parallel and then linked, never copied, when the store is on the same filesystem.

    Raises:
        DigestMismatch: A blob is not what its digest says; the message names it.
        NotFound: A blob is missing.
        Unavailable: The disk refused.
    """
    with explained(folder):
        return _lay_out(package, folder)


def _lay_out(package: Package, folder: Path) -> Layout:
    package.verify_bytes()
    code = package.code()
    layout = Layout(folder / "code", folder / "model", folder / "scratch", {})
    for part in (layout.code, layout.model, layout.scratch):
        part.mkdir(mode=0o700)
    for path, content in code.items():
        target = layout.code / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    _link(package, "model/", layout.model)
    _link(package, "data/", folder / "data")
    samples = {name: folder / path for name, path in package.samples.items()}
    return Layout(layout.code, layout.model, layout.scratch, samples)


def _link(package: Package, prefix: str, folder: Path) -> None:
    for path, layer in package.under(prefix).items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = package.source.path(layer.digest)
        try:
            os.link(source, target)
        except OSError:  # another filesystem, or one without links
            shutil.copyfile(source, target)
