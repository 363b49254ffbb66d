"""What packing, recording and starting a package did, in words."""

from __future__ import annotations

from collections.abc import Iterator

from ketch.authoring import Initialised, Packed, Recorded
from ketch.cli.report import SHOWN, difference_text, report_text, value_text
from ketch.cli.text import size


def packed_text(packed: Packed) -> str:
    """Return what ``ketch pack`` says."""
    package = packed.package
    lines = [] if packed.report is None else [report_text(packed.report), ""]
    if packed.report is not None and not packed.report.passed:
        return "\n".join([*lines, f"{package.reference} is not stored: it broke its contract"])
    state = "verified" if packed.verified else "NOT verified"
    lines.append(f"{package.reference}  {package.digest}")
    lines.append(f"{size(package.size_bytes)}, {state}, in the store")
    if packed.archive is not None:
        lines.append(f"archive {packed.archive}")
    return "\n".join(lines)


def recorded_text(recorded: Recorded) -> str:
    """Return what ``ketch record`` did, with every difference."""
    return "\n".join(_recorded(recorded))


def _recorded(recorded: Recorded) -> Iterator[str]:
    marks = {"new": "+", "changed": "~", "same": "=", "error": "=", "raised": "✗"}
    for one in recorded.scenarios:
        draft = "  (draft: confirm it with `ketch record --confirm`)" if one.scenario.draft else ""
        detail = f": {one.detail}" if one.detail else ""
        yield f"{marks[one.change]} {one.scenario.name}  {one.change}{detail}{draft}"
        for difference in one.differences[:SHOWN]:
            yield f"    {difference_text(difference)}"
        if one.change == "new":
            yield from (
                f"    {value_text(dict(row))}" for row in (one.scenario.expected or ())[:SHOWN]
            )
    written = ", ".join(recorded.files) if recorded.files else "nothing"
    yield f"wrote {written}"


def initialised_text(made: Initialised) -> str:
    """Return what ``ketch init`` wrote and what to do next."""
    files = "\n".join(f"  {file}" for file in made.files)
    return (
        f"{made.path}\n{files}\n\nnext: look at ketch.toml and scenarios/, then\n"
        f"  ketch record --confirm {made.path}\n  ketch pack {made.path}"
    )
