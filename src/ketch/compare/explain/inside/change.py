"""One change inside a component, and what can make a component with some of its changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ketch.compare.explain.mixing import Files

ABSENT = None


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is another in B.

    Attributes:
        kind: ``library``, ``python``, ``variable``, ``setting``, ``parameter``, ``definition``,
            ``order`` (of the definitions of a module), ``file``, ``step`` (one that came or
            went), ``pipeline`` (whatever else of it), ``schema`` or ``model``.
        name: What it is called, such as ``pandas`` or ``pipeline:preprocess``.
        before, after: What it was and is, in JSON form; None where there is none.
    """

    kind: str
    name: str
    before: object = ABSENT
    after: object = ABSENT

    def to_json(self) -> dict[str, object]:
        """Return the form of ``cause`` in ``--json``."""
        return {"kind": self.kind, "name": self.name, "from": self.before, "to": self.after}


class Inside(Protocol):
    """The changes of one component."""

    @property
    def changes(self) -> Sequence[Change]:
        """Every single change, the likeliest first."""
        ...

    def files(self, some: frozenset[int]) -> Files:
        """Return the component of A with some of the changes, by their numbers.

        Raises:
            KetchError: No such component can exist.
        """
        ...

    def along(self, some: frozenset[int]) -> frozenset[int]:
        """Return the changes that come along, because these cannot be made without them."""
        ...
