"""The line that shows a person at a terminal what is being done."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text


def bars(console: Console, amount: Callable[[float], str]) -> Progress:
    """Return a line that is drawn while it is entered as a context, and then wiped.

    Args:
        console: Where it is drawn.
        amount: How what is counted is written, such as bytes.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        _Done(amount),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True)


class _Done(ProgressColumn):
    """How much is done, of how much; nothing while nothing is counted."""

    def __init__(self, amount: Callable[[float], str]) -> None:
        super().__init__()
        self._amount = amount

    def render(self, task: Task) -> Text:
        if not task.completed and not task.total:
            return Text()
        total = f" of {self._amount(task.total)}" if task.total else ""
        speed = f", {self._amount(task.speed)}/s" if task.speed else ""
        return Text(f"{self._amount(task.completed)}{total}{speed}", style="green")
