"""What an upgrade came to, in words: the answer in a sentence, then every library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from ketch.cli.columns import columns
from ketch.cli.fit import folded
from ketch.cli.text import counted, seconds
from ketch.cli.verification import report_text
from ketch.compare.upgrade import PYTHON, Kind, Move, Reason, Upgraded
from ketch.schema.problems import escaped

_NONE = "-"


def upgraded_text(found: Upgraded) -> str:
    """Return what became of a package's libraries, and of the candidate."""
    return "\n".join(_lines(found))


def _lines(found: Upgraded) -> Iterator[str]:
    yield from folded(escaped(_sentence(found)), indent=0, most=8)
    if found.changes:
        yield ""
        yield columns(_row(one, checked=found.checked) for one in found.changes)
        for one in found.held:
            yield from _why(one)
    if found.report is not None and not found.report.passed:
        yield ""
        yield report_text(found.report)
    yield ""
    yield from _outcome(found)


def _sentence(found: Upgraded) -> str:
    """Return what can be newer, what of it is, and what that does to the answers."""
    could = [one for one in found.changes if _could_be_newer(one)]
    if found.advisories is not None:
        said = _advised(found)
    elif not could and not found.moved:
        return f"No library of `{found.said}` can be newer."
    elif found.named and not could:
        names = ", ".join(f"`{one}`" for one in found.named)
        said = f"For {names}, {_libraries(len(found.moved))} moved"
    elif found.named:
        names = ", ".join(f"`{one}`" for one in found.named)
        said = f"For {names}, {_libraries(len(could))} can be newer{_moved(found)}"
    else:
        said = f"{len(could)} of {_libraries(found.libraries)} can be newer{_moved(found)}"
    return said + (f"; {_in_answers(found)}." if found.candidate is not None else ".")


def _moved(found: Upgraded) -> str:
    """Return how many libraries moved that were there before."""
    if found.checked:
        return ""
    moved = sum(one.before is not None and one.name != PYTHON for one in found.moved)
    if found.candidate is None or not moved:
        return "; none is now"
    return f"; {moved} {'is' if moved == 1 else 'are'} now"


def _could_be_newer(one: Move) -> bool:
    held = one.held is not None and one.held.version is not None
    return one.name != PYTHON and (held or one.kind is Kind.UPGRADED)


def _advised(found: Upgraded) -> str:
    """Return what advisories speak of, and what of it is mended or can be."""
    told = found.advisories or ()
    affected = dict.fromkeys(one.library for one in told)
    if not affected:
        return f"No advisory speaks of a library of `{found.said}`"
    spoken = "1 advisory speaks" if len(told) == 1 else f"{len(told)} advisories speak"
    free = len(affected) - len(found.unfixed)
    verb = "can move" if found.checked else "moved"
    free = 0 if found.candidate is None and not found.checked else free
    which = "it" if len(affected) == 1 == free else f"{free} of them" if free else "none"
    return (
        f"{spoken} of {_libraries(len(affected))}; {which} {verb} to a version that is free of it"
    )


def _in_answers(found: Upgraded) -> str:
    """Return what the libraries that moved do to the answers."""
    behaviour = found.behaviour
    if behaviour is None:
        return "there was nothing to ask"
    rows = counted(behaviour.rows, "row")
    if not behaviour.changed:
        return f"no answer changed in {rows}"
    outputs = ", ".join(f"`{name}`" for name in behaviour.fields)
    where = f", in {outputs}" if outputs else ""
    by = [f"{one.name} {one.after}" for cause in behaviour.causes for one in cause.changes]
    named = f", from {', '.join(by)}" if by else ""
    return f"{behaviour.changed} of {rows} are answered otherwise{where}{named}"


def _row(one: Move, *, checked: bool) -> Sequence[str]:
    before, after = one.before or _NONE, one.after or _NONE
    kind = f"would be {one.kind}" if checked and one.kind is not Kind.KEPT else str(one.kind)
    return one.name, before, "→", after, kind, ", ".join(one.advisories)


def _why(one: Move) -> Iterator[str]:
    """Yield why a library is not at the version that it could have."""
    held = one.held
    if held is None:
        return
    version = f" {held.version}" if held.version else ""
    verb = " is held back by" if held.reason is Reason.REQUIREMENTS else ":"
    mark = "✗" if one.advisories else "!"
    said = f"  {mark} {one.name}{version}{verb} {held.message}"
    yield from folded(escaped(said), indent=4, most=4)


def _outcome(found: Upgraded) -> Iterator[str]:
    """Yield what was kept, and what to do next."""
    for note in found.behaviour.notes if found.behaviour is not None else ():
        yield from folded(f"asked: {escaped(note)}", indent=2)
    took = f"({seconds(found.duration_s)})"
    name = found.candidate.reference if found.candidate is not None else ""
    if found.checked:
        yield f"nothing was built: without `--check` a candidate is made and tried {took}"
    elif found.candidate is None:
        yield f"there is no candidate; `{escaped(found.said)}` stays as it is {took}"
    elif found.folder and found.written:
        yield f"requirements.lock is written; the package keeps its contract with it {took}"
        yield f"next: ketch pack {quote(found.said)}"
    elif found.folder:
        yield f"the package keeps its contract with the newer lock; nothing is written {took}"
        yield f"next: ketch upgrade {quote(found.said)} --write"
    else:
        yield f"{name}  {found.candidate.digest}"
        yield f"verified, in the store, not published {took}"
        yield f"next: ketch diff {found.package.reference} {name}; ketch push {name}"


def _libraries(count: int) -> str:
    return f"{count} library" if count == 1 else f"{count} libraries"
