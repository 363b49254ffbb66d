"""What every verb prints with: data on stdout, conversation on stderr.

rich is imported where something is said in colour, or drawn; most answers are plain text.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from ketch.cli.grouped import grouped
from ketch.cli.text import size
from ketch.cli.working import Working
from ketch.errors import Finding, KetchError, PackageCodeError

if TYPE_CHECKING:
    from rich.console import Console


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

    @cached_property
    def stdout(self) -> Console:
        """Where data goes that is more than text."""
        from rich.console import Console

        return Console(highlight=False, soft_wrap=True, emoji=False)

    @cached_property
    def stderr(self) -> Console:
        """Where the conversation goes."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def show(self, value: object, text: object) -> None:
        """Print the result: ``value`` as JSON, or ``text`` (text or a rich renderable)."""
        plain = _json(value) if self.as_json else text
        if isinstance(plain, str):
            sys.stdout.write(f"{plain}\n")
            sys.stdout.flush()
        else:
            self.stdout.print(plain)

    def say(self, text: str, *, style: str | None = None) -> None:
        """Say something to the person, on stderr."""
        self.stderr.print(text, style=style, markup=False)

    def printed(self, text: str) -> None:
        """Pass on the last that a package printed, which may not pose as something of ours."""
        if not text:
            return
        from ketch.schema.problems import escaped  # few packages print

        self.say("the package printed:", style="bold")
        for line in escaped(text).splitlines():
            self.say(f"  │ {line}")

    def error(self, problem: KetchError) -> None:
        """Say what stopped the work; with ``--json`` also as a value on stdout."""
        if self.as_json:
            self.show(problem.to_json(), "")
        if isinstance(problem, PackageCodeError):
            self.printed(problem.printed)
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
        """List findings, the blocking ones first; those of many rows that are alike as one."""
        for finding in grouped(sorted(findings, key=lambda finding: not finding.blocks)):
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
        if not sys.stderr.isatty():
            yield Working(None)
            return
        from ketch.cli.bars import bars

        with bars(self.stderr, amount) as drawn:
            yield Working(drawn)


def _json(value: object) -> str:
    """Return a value as JSON that any stdout can carry, even a path that is not UTF-8."""
    try:
        text = msgspec.json.encode(value).decode()
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(value)
    return text
