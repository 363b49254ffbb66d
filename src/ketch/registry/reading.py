"""How tables that people write are read: each key by its reader, nothing unknown, all told.

A reader takes what stands there and returns a value. What it cannot read it tells: by a
:class:`ValueError` that says what is expected, or by an error of ketch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

from ketch.errors import Finding, KetchError
from ketch.registry.share import WHOLE, Share
from ketch.rollout.spans import read_span
from ketch.schema import did_you_mean

T = TypeVar("T")
Reader = Callable[[object], object]
LONGEST_TEXT = 200


@dataclass(frozen=True)
class Reading:
    """What was read so far of something that others wrote.

    Attributes:
        where: What is read, such as ``route.toml``.
        findings: What is wrong with it.
        unknown_key, wrong_value: The codes of the two kinds of findings.
    """

    where: str
    findings: list[Finding] = field(default_factory=list)
    unknown_key: str = "policy/unknown-key"
    wrong_value: str = "policy/wrong-value"

    def table(
        self, given: object, readers: Mapping[str, Reader], at: str = ""
    ) -> dict[str, object]:
        """Return the values of a table that can be read, by their keys; tell of the others.

        Args:
            given: What stands there.
            readers: The known keys, each with its reader.
            at: The table's name.
        """
        found: dict[str, object] = {}
        for name, value in self.entries(given, at):
            reader = readers.get(name)
            if reader is None:
                self.unknown(name, readers, at)
                continue
            problems = len(self.findings)
            read = self.take(reader, value, _joined(at, name))
            if len(self.findings) == problems:
                found[name] = read
        return found

    def entries(self, given: object, at: str) -> Sequence[tuple[str, object]]:
        """Return the keys of a table and what stands there."""
        if isinstance(given, Mapping):
            return list(given.items())
        self.wrong(f"expected a table, found `{str(given)[:60]}`", at)
        return []

    def take(self, reader: Callable[[object], T], value: object, at: str) -> T | None:
        """Return what is read; tell why not, where it cannot be."""
        try:
            return reader(value)
        except KetchError as problem:
            self.wrong(problem.message, at, problem.hint)
        except ValueError as problem:
            self.wrong(f"expected {problem}, found `{_shown(value)}`", at)
        return None

    def wrong(self, message: str, at: str, hint: str | None = None) -> None:
        """Tell of a value that cannot be used."""
        self._tell(self.wrong_value, message, at, hint)

    def unknown(self, name: str, known: Mapping[str, object] | Sequence[str], at: str) -> None:
        """Tell of a key that means nothing."""
        hint = did_you_mean(name, known)
        self._tell(self.unknown_key, f"unknown key `{name[:60]}`", at, hint)

    def _tell(self, code: str, message: str, at: str, hint: str | None) -> None:
        where = f"{self.where}: {at}" if at else self.where
        self.findings.append(Finding(code, message, where, hint))


def _joined(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _shown(value: object) -> str:
    """Return a value for a message: in quotes if it is text that looks like something else."""
    text = str(value)[:60]
    if isinstance(value, str):
        looks_otherwise = text in {"true", "false"} or text.lstrip("-").replace(".", "").isdigit()
        return f'"{text}"' if looks_otherwise else text
    return text.lower() if isinstance(value, bool) else text


def text(value: object) -> str:
    """Read text that stands on one line."""
    if (
        isinstance(value, str)
        and value.strip()
        and value.isprintable()
        and len(value) <= LONGEST_TEXT
    ):
        return value
    raise ValueError(f"text of at most {LONGEST_TEXT} characters on one line")


def flag(value: object) -> bool:
    """Read yes or no."""
    if isinstance(value, bool):
        return value
    raise ValueError("true or false")


def count(most: int, least: int = 0) -> Callable[[object], int]:
    """Return a reader of whole numbers in a range."""

    def read(value: object) -> int:
        if type(value) is int and least <= value <= most:
            return value
        raise ValueError(f"a whole number from {least} to {most:,}")

    return read


def number(says: str, fits: Callable[[float], bool]) -> Callable[[object], float]:
    """Return a reader of numbers that fit; ``says`` is which do."""

    def read(value: object) -> float:
        if type(value) in (int, float) and abs(value) < float("inf"):  # type: ignore[arg-type] # a number
            found = float(value)  # type: ignore[arg-type]
            if fits(found):
                return found
        raise ValueError(says)

    return read


def one_of(*words: str) -> Callable[[object], str]:
    """Return a reader of one of several words."""

    def read(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        raise ValueError(f"one of {', '.join(words)}")

    return read


def span(value: object) -> timedelta:
    """Read how long something lasts, such as ``7d``."""
    if isinstance(value, str):
        return read_span(value)
    raise ValueError("a span in quotes, such as `7d`")


def share(value: object) -> Share:
    """Read a share below all units: ``"10%"``, ``"0.1"`` or the number."""
    if type(value) in (int, float):  # digits alone: Python writes small numbers as `1e-05`
        value = f"{Decimal(repr(value)):f}"
    found = Share.parse(value if isinstance(value, str) else f"{value}")
    if not 0 <= found.millionths < WHOLE:
        raise ValueError("a share below 100%")
    return found
