"""Telling what happened without telling where, or with what secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ketch.package import StepTrace
from ketch.package.trace import FieldTrace

SHORTEST = 4
"""A shorter value would be found, and replaced, in texts that have nothing to do with it."""

_CUT = "…"


class Discreet:
    """Says texts and values without what names this machine or must stay secret.

    Two machines that run one package say the same of it, and what they say may travel.

    Args:
        places: Paths of this machine → what to call them, such as ``code``.
        secrets: Names → values that are never said; ``$NAME`` is.
    """

    def __init__(
        self, places: Mapping[str, str] | None = None, secrets: Mapping[str, str] | None = None
    ) -> None:
        hidden = {value: f"${name}" for name, value in (secrets or {}).items()}
        said = {**(places or {}), **hidden}
        longest_first = sorted(said, key=len, reverse=True)
        self._said = {text: said[text] for text in longest_first if len(text) >= SHORTEST}
        self._pattern = re.compile("|".join(map(re.escape, self._said)) or r"(?!)")

    def text(self, text: str) -> str:
        """Return a text as it may be told."""
        told = self._pattern.sub(lambda found: self._said[found[0]], text)
        *cut, last = told.split(_CUT)
        return _CUT.join([*map(self._without_beginning, cut), last])

    def value(self, value: object) -> object:
        """Return a JSON value in which every text is as it may be told."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return {self.text(str(key)): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case _:
                return value

    def steps(self, told: Sequence[Mapping[str, object]]) -> tuple[StepTrace, ...]:
        """Return what a worker told of its steps.

        A field that holds a path or a secret has another digest on every machine, and
        therefore none.

        Raises:
            ManifestError: It is no trace; package code has tampered with its process.
        """
        read = [StepTrace.from_json(step) for step in told]
        return tuple(replace(step, fields=tuple(map(self._field, step.fields))) for step in read)

    def _field(self, field: FieldTrace) -> FieldTrace:
        head = tuple(map(self.value, field.head))
        digest = field.digest if head == field.head else None
        return replace(field, name=self.text(field.name), head=head, digest=digest)

    def _without_beginning(self, text: str) -> str:
        """Return a text that was cut off, without the beginning of what must not be said."""
        for hidden, said in self._said.items():
            for length in range(len(hidden) - 1, SHORTEST - 1, -1):
                if text.endswith(hidden[:length]):
                    return text[:-length] + said
        return text
