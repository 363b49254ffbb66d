"""What packing, recording and starting a package did, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from ketch.authoring import Initialised, Packed, Recorded, RecordedScenario
from ketch.cli.text import size
from ketch.cli.verification import SHOWN, difference_text, report_text, value_text
from ketch.package.paths import printable

NAMED = 8
"""How many files are named; ``--json`` has them all."""

WORTH_SAYING_BYTES = 1_000_000


def packed_text(packed: Packed) -> str:
    """Return what ``ketch pack`` says."""
    package = packed.package
    lines = [] if packed.report is None else [report_text(packed.report), ""]
    if packed.report is not None and not packed.report.passed:
        return "\n".join([*lines, f"{package.reference} is not stored: it broke its contract"])
    state = "verified" if packed.verified else "NOT verified"
    lines.append(f"{package.reference}  {package.digest}")
    lines.append(f"{size(package.size_bytes)}, {state}, in the store")
    lines.append(f"  ships     {_listed([_sized(*file) for file in packed.files.items()])}")
    if packed.left_out:
        lines.append(f"  left out  {_listed(packed.left_out)}")
    if packed.archive is not None:
        lines.append(f"archive {packed.archive}")
    return "\n".join(lines)


def _sized(path: str, size_bytes: int) -> str:
    return path if size_bytes < WORTH_SAYING_BYTES else f"{path} ({size(size_bytes)})"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(map(printable, names[:NAMED])) + (f" and {more:,} more" if more > 0 else "")


def recorded_text(recorded: Recorded) -> str:
    """Return what ``ketch record`` did, with every difference."""
    return "\n".join(_recorded(recorded))


def _recorded(recorded: Recorded) -> Iterator[str]:
    marks = {"new": "+", "changed": "~", "same": "=", "error": "=", "raised": "✗"}
    for one in recorded.scenarios:
        detail = f": {one.detail}" if one.detail else ""
        yield f"{marks[one.change]} {one.scenario.name}  {one.change}{detail}{_draft(one)}"
        if one.hint:
            yield f"    {one.hint}"
        for difference in one.differences[:SHOWN]:
            yield f"    {difference_text(difference)}"
        if one.change == "new":
            yield from (
                f"    {value_text(dict(row))}" for row in (one.scenario.expected or ())[:SHOWN]
            )
    if not recorded.answered:
        yield "wrote nothing: not every scenario was answered"
    else:
        yield f"wrote {', '.join(recorded.files) or 'nothing'}"


def _draft(one: RecordedScenario) -> str:
    if one.confirmed:
        return "  (confirmed)"
    return "  (draft: confirm it with `ketch record --confirm`)" if one.scenario.draft else ""


def initialised_text(made: Initialised) -> str:
    """Return what ``ketch init`` wrote and what to do next."""
    files = "\n".join(f"  {file}" for file in made.files)
    return "\n".join([f"{made.path}\n{files}\n", *_next(made)])


def _next(made: Initialised) -> Iterator[str]:
    """Yield what to do now, as commands that can be pasted."""
    folder = quote(str(made.path))
    if any(finding.blocks for finding in made.findings):
        yield "next: mend what is marked ✗; then see what it answers, confirm that, and pack"
        yield f"  ketch record {folder}"
        yield f"  ketch record --confirm {folder}"
    elif made.is_draft:
        yield "next: look at ketch.toml, README.md and scenarios/; when they are right"
        yield f"  ketch record --confirm {folder}"
    else:
        yield "next: make it yours, file by file; it can be packed as it is"
    yield f"  ketch pack {folder}"
