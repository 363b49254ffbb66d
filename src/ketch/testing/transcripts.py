"""Transcripts: commands with the output they must have, run for real.

A transcript is what a person would see in a terminal::

    $ ketch pack thermometer
    thermometer:1.0.0  …
    [1]

A line that starts with ``$`` is a command, and lines that start with ``>`` go on with it.
What follows is the output, standard error included. ``…`` stands for whatever changes
from run to run: inside a line for any text, on a line of its own for any lines. ``[1]``
as the last line is the exit status; without it any status will do.

All commands of a transcript run in one shell, so that ``cd`` and variables last.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ANYTHING = "…"
_MARK = "@@ketch-transcript"
_STATUS = re.compile(r"\[(\d{1,3})\]")
_HIDDEN = ("NO_COLOR", "FORCE_COLOR", "PYTHONDONTWRITEBYTECODE", "KETCH_HOME")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a transcript.

    Attributes:
        text: What is typed; it may have several lines.
        output: The lines it must print.
        status: The exit status it must have; ``None`` for any.
        line: Where it stands in the transcript, from 1.
    """

    text: str
    output: tuple[str, ...] = ()
    status: int | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did: the lines it printed, and its exit status."""

    command: Command
    output: tuple[str, ...]
    status: int

    @property
    def problem(self) -> str | None:
        """What differs from the transcript, for people; ``None`` when nothing does."""
        command = self.command
        wrong_status = command.status is not None and command.status != self.status
        if lines_match(command.output, self.output) and not wrong_status:
            return None
        shown = "\n".join(self.output) or "(nothing)"
        wanted = "\n".join(command.output) or "(nothing)"
        return (
            f"line {command.line}: $ {command.text}\n"
            f"expected [{'any' if command.status is None else command.status}]:\n{wanted}\n"
            f"found [{self.status}]:\n{shown}"
        )


def read_commands(text: str, *, first_line: int = 1) -> list[Command]:
    """Return the commands of a transcript; lines before the first one are prose."""
    found: list[Command] = []
    typed: list[str] = []
    printed: list[str] = []
    at = 0
    for number, line in enumerate(text.splitlines(), first_line):
        if line.startswith("$ "):
            if typed:
                found.append(_command(typed, printed, at))
            typed, printed, at = [line[2:]], [], number
        elif typed and not printed and line.startswith("> "):
            typed.append(line[2:])
        elif typed:
            printed.append(line)
    return [*found, _command(typed, printed, at)] if typed else found


def _command(typed: Sequence[str], printed: Sequence[str], line: int) -> Command:
    output = "\n".join(printed).rstrip().splitlines()
    status = _STATUS.fullmatch(output[-1]) if output else None
    if status is None:
        return Command("\n".join(typed), tuple(output), None, line)
    return Command("\n".join(typed), tuple(output[:-1]), int(status[1]), line)


def run_commands(
    commands: Sequence[Command], folder: Path, *, variables: Mapping[str, str], limit_s: float
) -> list[Ran]:
    """Run commands in one shell, in a folder.

    Args:
        commands: What to run, in order.
        folder: Where to start.
        variables: Set on top of this process's environment, colours off.
        limit_s: How long all of them may take together, in seconds.

    Raises:
        subprocess.TimeoutExpired: They took longer.
    """
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-c", _script(commands)],
        cwd=folder,
        env=_environment(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=limit_s,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    parts = re.split(rf"\n?{_MARK} (\d+)\n", said)
    pairs = zip(commands, parts[0::2], parts[1::2], strict=False)
    ran = [Ran(one, _lines(output), int(status)) for one, output, status in pairs]
    left = commands[len(ran) :]
    return ran + [Ran(one, (f"did not run: {parts[-1]}",), done.returncode) for one in left]


def _script(commands: Iterable[Command]) -> str:
    """Return a script that prints a mark with the status after each command."""
    tell = f'__status=$?; printf "\\n{_MARK} %s\\n" "$__status"; (exit "$__status")'
    return "\n".join(f"{one.text}\n{tell}" for one in commands)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    programs = os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", "")])
    plain = {"TERM": "dumb", "COLUMNS": "80", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    return {**kept, **plain, "PATH": programs, **variables}


def _lines(output: str) -> tuple[str, ...]:
    return tuple(line.rstrip() for line in output.rstrip().splitlines())


def lines_match(expected: Sequence[str], found: Sequence[str]) -> bool:
    """Return whether lines are the expected ones, where ``…`` stands for anything.

    >>> lines_match(["a…", "…", "z"], ["abc", "1", "2", "z"])
    True
    >>> lines_match(["a…"], ["abc", "1"])
    False
    """
    pattern = "".join(_line_pattern(line) for line in expected)
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in found)) is not None


def _line_pattern(line: str) -> str:
    if line.strip() == ANYTHING:
        return r"(?:[^\n]*\n)*"
    return r"[^\n]*".join(re.escape(part) for part in line.rstrip().split(ANYTHING)) + r"\n"


def read_archive_text(text: str) -> tuple[str, dict[str, str]]:
    """Read a transcript with files below it, each under a line ``-- path --``.

    Returns:
        The transcript, and path → content.
    """
    transcript, *parts = re.split(r"^-- (\S+) --\n", text, flags=re.MULTILINE)
    return transcript, dict(zip(parts[0::2], parts[1::2], strict=True))


def problems(ran: Iterable[Ran]) -> Iterator[str]:
    """Yield what differs, command by command."""
    return (one.problem for one in ran if one.problem is not None)
