"""What a folder may not hold when it becomes a package.

Only files that would ship, or are read into what ships, are judged: a notebook beside
the package is nobody's business, a notebook inside it is. Nothing here reads more than a
README.
"""

import errno
import itertools
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from ketch.errors import Finding
from ketch.package.layers import place_of
from ketch.package.paths import check_path, clashes, printable, unreadable

README = "README.md"
README_BYTES_READ = 1 << 16  # whether it says anything shows in its first lines
LARGE_SCENARIO_BYTES = 16_000_000

_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


def check_folder(
    folder: Path, shipped: Sequence[str], *, read: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return everything about the files of a package that makes `pack` refuse them.

    ============================  ====================================================
    ``package/path-syntax``       a name outside the grammar of :mod:`ketch.package.paths`
    ``package/path-clash``        two names that are one on some systems
    ``package/symlink``           a link, or a file below a linked folder
    ``package/special-file``      a pipe, socket or device, or a folder listed as a file
    ``package/missing-file``      a listed file that is not there
    ``package/unreadable``        a file or folder that the author may not read
    ``package/notebook``          a notebook
    ``package/too-large``         a file that a reader would refuse
    ``package/readme-missing``    no ``README.md``
    ``package/readme-empty``      one without text
    ``package/large-scenario``    advice: a scenario file over 16 MB
    ============================  ====================================================

    Args:
        folder: The authored package.
        shipped: The files that would ship, relative to the folder, with ``/``.
        read: Files whose content ships inside others, such as scenarios; their names,
            which stay here, may be any.
    """
    findings = [*_readme(folder), *clashes(shipped)]
    no_links: set[str] = set()
    for path in dict.fromkeys(shipped):
        wrong_name = check_path(path)
        findings.extend(wrong_name)
        if not _leaves(path):
            findings.extend(_check_file(folder, path, no_links))
    for path in read:
        findings.extend(_check_file(folder, path, no_links))
    return tuple(dict.fromkeys(findings))


def _leaves(path: str) -> bool:
    """Whether a path may lie outside the folder, so that we do not even look there."""
    segments = path.split("/")
    return "\0" in path or "" in segments or ".." in segments


def _check_file(folder: Path, path: str, no_links: set[str]) -> Iterator[Finding]:
    shown = printable(path)
    if path.lower().endswith(".ipynb"):
        yield Finding(
            "package/notebook",
            f"expected plain Python, found the notebook `{shown}`",
            shown,
            "move its code into a module, and leave the notebook out",
        )
    if link := _first_link(folder, path, no_links):
        yield Finding(
            "package/symlink",
            f"expected a file of the package, found the symbolic link `{printable(link)}`",
            shown,
            f"copy what it points at: `cp -RL {printable(link)} COPY`",
        )
        return
    file = folder.joinpath(*path.split("/"))
    try:
        status = file.lstat()
    except OSError as problem:
        reason = problem.strerror or "not there"
        message = f"expected a file, found none: {reason}"
        yield Finding(
            "package/missing-file", message, shown, "create it, or remove it from the list"
        )
        return
    denied = _denied(file, status)
    if denied is not None:
        yield unreadable(path, denied)
    else:
        yield from _check_status(shown, status)


def _denied(file: Path, status: os.stat_result) -> OSError | None:
    """Return why a file or folder cannot be read, without reading it."""
    is_folder = stat.S_ISDIR(status.st_mode)
    if not is_folder and not stat.S_ISREG(status.st_mode):
        return None
    wanted = os.R_OK | (os.X_OK if is_folder else 0)
    if os.access(file, wanted, effective_ids=os.access in os.supports_effective_ids):
        return None
    return PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _check_status(shown: str, status: os.stat_result) -> Iterator[Finding]:
    if not stat.S_ISREG(status.st_mode):
        kind = _SPECIAL.get(stat.S_IFMT(status.st_mode), "something else")
        message = f"expected a regular file, found {kind}"
        yield Finding("package/special-file", message, shown, "leave it out of the package")
    elif (most := _most_bytes(shown)) is not None and status.st_size > most:
        message = f"expected at most {most} bytes, found {status.st_size}"
        yield Finding("package/too-large", message, shown, "files below `model/` have no limit")
    elif shown.startswith("scenarios/") and status.st_size > LARGE_SCENARIO_BYTES:
        yield Finding(
            "package/large-scenario",
            f"a scenario file of {status.st_size / 1e6:.0f} MB is slow to run and to read",
            shown,
            "keep the rows that show the behaviour; whole data sets go into `[data]`",
            blocks=False,
        )


def _most_bytes(path: str) -> int | None:
    place = place_of(path)
    return None if place is None else place.max_bytes


def _first_link(folder: Path, path: str, no_links: set[str]) -> str | None:
    """Return the outermost symbolic link on the way to a file.

    Args:
        folder: The authored package.
        path: The file, relative to the folder.
        no_links: What was looked at before and is no link; added to.
    """
    for place in itertools.accumulate(path.split("/"), lambda above, name: f"{above}/{name}"):
        if place not in no_links and (folder / place).is_symlink():
            return place
        no_links.add(place)
    return None


def _start(file: Path) -> str:
    with file.open("rb") as stream:
        return stream.read(README_BYTES_READ).decode("utf-8", errors="replace")


def _readme(folder: Path) -> Iterator[Finding]:
    file = folder / README
    try:
        text = _start(file) if file.is_file() else None
    except OSError:
        return  # `_check_file` reports it
    if text is None:
        yield Finding(
            "package/readme-missing",
            f"expected a `{README}`, found none",
            README,
            "write for the next engineer: what it answers, from which data, whom to ask",
        )
    elif not text.strip():
        hint = "write for the next engineer: what it answers, from which data, whom to ask"
        yield Finding("package/readme-empty", "expected some text, found none", README, hint)
