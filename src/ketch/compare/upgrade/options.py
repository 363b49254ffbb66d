"""What a person asks of an upgrade, and what of it contradicts itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ketch.compare.questions import Asked
from ketch.compare.upgrade.moves import versions
from ketch.compare.upgrade.present import Present
from ketch.errors import UsageError
from ketch.package import Package, PackageVersion
from ketch.schema import did_you_mean


@dataclass(frozen=True, slots=True)
class Options:
    """What to upgrade, and how.

    Attributes:
        packages: Libraries to move, such as ``pandas`` or ``pandas==2.3.1``; without any, all.
        python: Another Python, such as ``3.13``.
        security: A file of advisories in OSV form: only what they speak of moves.
        version: The version of the candidate; by default the next that is free.
        archive: Also write the candidate to this file.
        inputs: A file with rows to ask both packages; by default the scenarios.
        ask: What finds the rows for a package in place of a file, such as decisions replayed.
        budget_s: How long it may look for what changes answers, in seconds.
        write: Whether the lock is written into the folder.
        check: Whether only versions are asked for: nothing is built or run.
        offline: Whether only what lies on this machine may be used.
    """

    packages: tuple[str, ...] = ()
    python: str | None = None
    security: Path | None = None
    version: str | None = None
    archive: Path | None = None
    inputs: Path | None = None
    ask: Callable[[Package], Asked | None] | None = None
    budget_s: float | None = None
    write: bool = False
    check: bool = False
    offline: bool = False


def check_options(target: str, chosen: Options) -> None:
    """Return if the options go together, and with what is to be upgraded.

    Raises:
        UsageError: ``upgrade/options``: they do not.
    """
    is_folder = Path(target).is_dir()
    for is_wrong, message, hint in (
        (
            chosen.packages and chosen.security is not None,
            "expected `--package` or `--security`, found both",
            "run the command once for each",
        ),
        (
            chosen.check and (chosen.write or chosen.archive is not None),
            "`--check` makes nothing that could be written",
            "leave it out, or leave out `--write` and `--output`",
        ),
        (
            chosen.write and not is_folder,
            f"expected a folder to write a lock into, found `{target}`",
            "leave out `--write`: the candidate of a package goes into the store",
        ),
        (
            is_folder and (chosen.version is not None or chosen.archive is not None),
            "the candidate of a folder has no version of its own, and no archive",
            "write the lock with `--write`, then `ketch pack`",
        ),
        (
            chosen.write and chosen.python is not None,
            "the Python of a folder stands in its ketch.toml",
            f'write `python = "{chosen.python}"` under `[environment]` there, then `ketch pack`',
        ),
    ):
        if is_wrong:
            raise UsageError(message, code="upgrade/options", hint=hint)
    if chosen.version is not None:
        PackageVersion.parse(chosen.version, where="--version")


def check_folder(present: Present, chosen: Options) -> None:
    """Return if a lock may be written where that is asked for.

    Raises:
        UsageError: ``upgrade/options``: the folder keeps to a ``uv.lock``.
    """
    wanted = present.requirements
    if chosen.write and wanted is not None and wanted.uv_lock is not None:
        raise UsageError(
            "the folder keeps to its `uv.lock`, which ketch does not write",
            code="upgrade/options",
            where=str(wanted.uv_lock),
            hint="run `uv lock --upgrade`, then `ketch upgrade` again to see what it changes",
        )


def named_libraries(texts: Sequence[str], present: Present) -> Iterator[Requirement]:
    """Yield the libraries that shall move.

    Raises:
        UsageError: ``upgrade/library``: the package has no such library, or it is none.
    """
    there = versions(present.lock)
    for text in texts:
        try:
            asked = Requirement(text)
        except InvalidRequirement:
            asked = None
        if asked is None or asked.url or asked.marker or asked.extras:
            raise UsageError(
                f"expected a library such as `pandas` or `pandas==2.3.1`, found `{text}`",
                code="upgrade/library",
                where="--package",
            )
        name = canonicalize_name(asked.name)
        if name not in there:
            raise UsageError(
                f"expected a library of `{present.said}`, found `{name}`",
                code="upgrade/library",
                where="--package",
                hint=did_you_mean(name, list(there)) or f"it has {_listed(list(there))}",
            )
        yield asked


def _listed(names: Sequence[str], most: int = 10) -> str:
    if not names:
        return "none at all"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + more
