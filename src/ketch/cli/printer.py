"""What every verb prints with: data on stdout, conversation on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TransferSpeedColumn,
)

from ketch.errors import Finding, KetchError


class Printer:
    """Prints the result of a verb, and talks while it works.

    Args:
        as_json: Whether stdout carries one JSON value instead of text.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.stdout = Console(highlight=False, soft_wrap=True)
        self.stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def show(self, value: object, text: object) -> None:
        """Print the result: ``value`` as JSON, or ``text`` (text or a rich renderable)."""
        if self.as_json:
            sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
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
        at = f" (at `{problem.where}`)" if problem.where else ""
        self.stderr.print("error:", style="bold red", end=" ")
        self.say(f"{problem.message}{at}")
        self.findings(problem.findings)
        if problem.hint:
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
    def progress(self) -> Iterator[Working]:
        """Show what is being done; nothing at all when stderr is not a terminal."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeElapsedColumn(),
        )
        with Progress(
            *columns, console=self.stderr, transient=True, disable=not self.stderr.is_terminal
        ) as bars:
            yield Working(bars)


class Working:
    """Progress that a long job reports to: what it is doing, and bytes done."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task: TaskID | None = None

    def step(self, text: str, *, total_bytes: int | None = None) -> None:
        """Say what is done now, and how much there is of it when that is known."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(text, total=total_bytes)

    def advance(self, count: int) -> None:
        """Count bytes as done."""
        if self._task is not None:
            self._bars.advance(self._task, count)
