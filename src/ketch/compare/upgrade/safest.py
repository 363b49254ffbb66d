"""Libraries free of advisories: as little moved as can be, each to its lowest version that is free.

Every library is asked for at its version or later, and uv takes the lowest that fit: so what
needs no move makes none. Libraries are taken one after the other, each with the first of its
spans that goes with those that were taken before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from packaging.version import Version

from ketch.compare.upgrade.advisories import Advisory, known
from ketch.compare.upgrade.asking import Limits, Solved, floor, pinned, resolved, where
from ketch.compare.upgrade.moves import Held, Reason, versions
from ketch.compare.upgrade.present import Present
from ketch.compare.upgrade.spans import Span, free_spans
from ketch.env import Lock, Requirements, Resolving
from ketch.errors import Refused

_MOST_SPANS = 5
_HOLDER = re.compile(
    r"(?<![\w.-])([a-z0-9][a-z0-9-]*)(?:\{[^}]*\})?(?:[=<>!~]\S*)? depends? on ([a-z0-9-]+)"
)
"""How uv says what does not go with what."""


@dataclass(frozen=True)
class Safest:
    """Looks for libraries that no advisory speaks of.

    Attributes:
        present: What is there now.
        advisories: All that are known.
        python: Another Python; None for the one of now.
        offline: Whether only uv's cache is asked.
    """

    present: Present
    advisories: Sequence[Advisory]
    python: str | None = None
    offline: bool = False
    is_careful: bool = field(default=False, init=False)

    def limit(self, *_: object) -> Version | None:
        """Return None: where the lowest version that is free breaks, the library stays."""
        return None

    def solve(self, limits: Limits) -> Solved:
        """Return the lock with the fewest moves in which libraries are free of advisories.

        Args:
            limits: Libraries that have to stay as they are.

        Raises:
            Refused: What is there now fits together no more.
            Unavailable: Python or the package index cannot be reached.
        """
        lock, chosen = self.present.lock, dict[str, Span]()
        held = dict[str, Held]()
        while todo := sorted(known(lock, self.advisories).keys() - {*chosen, *held, *limits}):
            name = todo[0]
            problem: Refused | None = None
            for span in self._spans(name)[:_MOST_SPANS]:
                try:
                    lock = self._resolved({**chosen, name: span}, limits)
                except Refused as refused:
                    problem = problem or refused
                else:
                    chosen[name] = span
                    break
            if name not in chosen:
                held[name] = _reason(name, self._spans(name), problem)
        return Solved(lock, held)

    def _spans(self, name: str) -> tuple[Span, ...]:
        """Return where a library is free; one that is brought anew may have any version."""
        now = versions(self.present.lock).get(name, "0")
        affected = [one.affected for one in self.advisories if one.library == name]
        return free_spans(Version(now.partition(", ")[0]), affected)

    def _resolved(self, spans: Mapping[str, Span], limits: Limits) -> Lock:
        pins = self.present.lock.packages
        lines = [pinned(pin) if pin.name in limits else floor(pin) for pin in pins]
        lines += [f"{name}{spans[name]}{where(pin)}" for pin in pins if (name := pin.name) in spans]
        present = {pin.name for pin in pins}
        new = [f"{name}{span}" for name, span in spans.items() if name not in present]
        wanted = self.present.requirements or Requirements(source=self.present.said)
        asked = replace(
            wanted,
            lines=(*lines, *wanted.lines),
            constraints=(*wanted.constraints, *new),
            uv_lock=None,
        )
        how = Resolving(
            source_builds=self.present.lock.source_builds, offline=self.offline, lowest=True
        )
        return resolved(self.present, asked, how, self.python)


def _reason(name: str, spans: Sequence[Span], problem: Refused | None) -> Held:
    """Return why a library cannot be moved."""
    if not spans or problem is None:
        return Held(None, Reason.NO_FIX, "no version is free of it")
    needed = " or ".join(f"`{name}{span}`" for span in spans[:2])
    holders = [who for who, whom in _HOLDER.findall(problem.message) if whom == name]
    if holders:
        who = " and ".join(f"`{one}`" for one in dict.fromkeys(holders))
        return Held(None, Reason.CONSTRAINT, f"{who} does not go with {needed}")
    return Held(None, Reason.CONSTRAINT, f"{needed} cannot be had: {problem.message}")
