"""What to say of a trial: what moves, what is held back and why, and what makes it fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ketch.compare.upgrade.advisories import Advisory
from ketch.compare.upgrade.effects import changing
from ketch.compare.upgrade.moves import Held, Move, kept
from ketch.compare.upgrade.present import Present
from ketch.compare.upgrade.trying import Trial
from ketch.errors import Finding

Known = Mapping[str, Sequence[Advisory]]
"""Library → the advisories that its version now is affected by."""


def changes(present: Present, trial: Trial, now: Known) -> tuple[Move, ...]:
    """Return what moves and what is held back, by name, with the advisories of each."""
    held: dict[str, Held] = {**trial.solved.held, **trial.held}
    found = {one.name: one for one in trial.moves}
    for name, why in held.items():
        found[name] = replace(found.get(name) or kept(name, present.lock), held=why)
    ids = {name: tuple(one.id for one in some) for name, some in now.items()}
    return tuple(replace(one, advisories=ids.get(name, ())) for name, one in sorted(found.items()))


def findings(
    moved: Sequence[Move], trial: Trial, now: Known, *, checked: bool
) -> Iterator[Finding]:
    """Yield what makes the command fail.

    Args:
        moved: What :func:`changes` returned.
        trial: What trying came to.
        now: The advisories there are now.
        checked: Whether nothing was tried, so that everything is as it was.
    """
    held = {one.name: one.held for one in moved if one.held is not None}
    for name, some in now.items():
        ids = ", ".join(one.id for one in some)
        if name in held:
            message = f"`{name}` stays as it is, with {ids}: {held[name].message}"
            yield Finding("upgrade/unfixed", message)
        elif checked:
            yield Finding(
                "upgrade/affected", f"`{name}` is affected by {ids}", hint=_fix(name, moved)
            )
    if not checked and not trial.is_safe and (trial.moves or set(trial.held) - set(now)):
        yield _unsafe(trial)


def _fix(name: str, moved: Sequence[Move]) -> str | None:
    after = next((one.after for one in moved if one.name == name), None)
    return after and f"`{name}` {after} is free of it"


def _unsafe(trial: Trial) -> Finding:
    """Return why nothing is kept."""
    found, code = trial.behaviour, "upgrade/unsafe"
    if not trial.moves:
        return Finding(code, "no library can be newer without another answer")
    if found is not None and found.changed and not changing(found):
        said = f"{found.changed} of {found.rows} rows are answered otherwise"
        if found.missing:
            return Finding(code, f"{said}, and there was no time to find by which library")
        return Finding(code, f"{said}, by no library that could stay as it is")
    if trial.report is not None and not (found and found.changed):
        message = "the candidate breaks its contract, though it answers the same"
        hint = "`ketch verify` says whether the package as it is keeps it on this machine"
        return Finding(code, message, hint=hint)
    names = ", ".join(f"{name} {why.version}" for name, why in sorted(trial.held.items()))
    said = f"the contract is broken by {names}" if names else "the contract is broken"
    return Finding(code, f"{said}, without which nothing that was asked for can move")
