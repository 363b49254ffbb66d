"""How long work tells somebody that it is still going."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Somebody who wants to know what is being done."""

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Take note of what is done now."""
        ...

    def advance(self, count: int) -> None:
        """Take note that so many bytes are done; fewer than before, when some were lost."""
        ...


class Silent:
    """Nobody."""

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Ignore it."""

    def advance(self, count: int) -> None:
        """Ignore it."""
