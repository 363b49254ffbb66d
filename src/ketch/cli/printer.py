"""What every verb prints with: data on stdout, conversation on stderr."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import (
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from ketch.cli.text import size
from ketch.errors import Finding, KetchError


class Printer:
    """Prints the result of a verb, and talks while it works.

    Args:
        as_json: Whether stdout carries one JSON value instead of text.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A terminal that knows no `✓`, and paths that are no text, are no reason to fail.
            sys.stdout.reconfigure(errors="backslashreplace")
        self.stdout = Console(highlight=False, soft_wrap=True)
        self.stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def show(self, value: object, text: object) -> None:
        """Print the result: ``value`` as JSON, or ``text`` (text or a rich renderable)."""
        if self.as_json:
            sys.stdout.write(_json(value) + "\n")
            sys.stdout.flush()
        else:
            self.stdout.print(text, markup=False) if isinstance(text, str) else (
                self.stdout.print(text)
            )

    def say(self, text: str, *, style: str | None = None) -> None:
        """Say something to the person, on stderr."""
        self.stderr.print(text, style=style, markup=False)

    def error(self, problem: KetchError) -> None:
        """Say what stopped the work; with ``--json`` also as a value on stdout."""
        if self.as_json:
            self.show(problem.to_json(), "")
        named = problem.where is None or f"`{problem.where}`" in problem.message
        at = "" if named else f" (at `{problem.where}`)"
        self.stderr.print("error:", style="bold red", end=" ")
        self.say(f"{problem.message}{at}")
        alone = [one.message for one in problem.findings] == [problem.message]
        listed = () if alone else problem.findings
        self.findings(listed)
        if problem.hint and all(one.hint != problem.hint for one in listed):
            self.stderr.print("\nhint:", style="bold cyan", end=" ")
            self.say(problem.hint)

    def findings(self, findings: Sequence[Finding]) -> None:
        """List findings, the blocking ones first."""
        for finding in sorted(findings, key=lambda finding: not finding.blocks):
            mark, style = ("✗", "red") if finding.blocks else ("!", "yellow")
            self.stderr.print(f"  {mark}", style=style, end=" ")
            at = f"{finding.where}: " if finding.where else ""
            self.say(f"{at}{finding.message}  [{finding.code}]")
            if finding.hint:
                self.say(f"      {finding.hint}", style="dim")

    @contextmanager
    def progress(self, *, amount: Callable[[float], str] = size) -> Iterator[Working]:
        """Show what is being done; nothing at all when stderr is not a terminal.

        Args:
            amount: How what is counted is written, such as bytes.
        """
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            _Done(amount),
            TimeElapsedColumn(),
        )
        with Progress(
            *columns, console=self.stderr, transient=True, disable=not self.stderr.is_terminal
        ) as bars:
            yield Working(bars)


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


def _json(value: object) -> str:
    """Return a value as JSON that any stdout can carry, even a path that is not UTF-8."""
    try:
        text = msgspec.json.encode(value).decode()
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text


class Working:
    """Progress that a long job reports to: what it is doing, and how much is done."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Say what is done now, and how much there is of it when that is known."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(text, total=total_bytes)

    def advance(self, count: int) -> None:
        """Count bytes, or whatever the job counts, as done."""
        if self._task is not None:
            self._bars.advance(self._task, count)
