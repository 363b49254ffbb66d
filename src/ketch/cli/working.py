"""Progress that a long job reports to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Working:
    """What a long job is doing, and how much of it is done.

    Args:
        bars: Where it is drawn; None when nobody looks.
    """

    def __init__(self, bars: Progress | None) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Say what is done now, and how much there is of it when that is known."""
        if self._bars is None:
            return
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(text, total=total_bytes)

    def advance(self, count: int) -> None:
        """Count bytes, or whatever the job counts, as done."""
        if self._bars is not None and self._task is not None:
            self._bars.advance(self._task, count)
