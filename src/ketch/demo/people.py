"""Who works at the demo's shop, and what they type."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ketch.demo.served import variables
from ketch.errors import Unavailable

ANA = "ana"
"""She makes the packages."""
BEN = "ben"
"""He approves them."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of a person, and what came of it.

    Attributes:
        person: Who typed it.
        line: As it was typed.
        status: The exit status.
        value: What ``--json`` printed.
    """

    person: str
    line: str
    status: int
    value: Mapping[str, Any]


@dataclass(frozen=True)
class Shell:
    """Runs ``ketch`` in the demo's own home, as a person does.

    Attributes:
        home: The ketch home.
        folder: Where it is typed.
        heard: Told of each command.
    """

    home: Path
    folder: Path
    heard: Callable[[Typed], None] = lambda _: None

    def type(self, person: str, *words: str, allow: int = 0) -> Typed:
        """Run a verb; return what it printed.

        Args:
            person: Who types.
            words: The verb and its arguments.
            allow: The exit status it may have beside 0.

        Raises:
            Unavailable: ``demo/command``: it ended otherwise.
        """
        done = subprocess.run(
            [sys.executable, "-P", "-m", "ketch", *words, "--json"],
            cwd=self.folder,
            env={**variables(self.home), "KETCH_USER": person},
            capture_output=True,
            text=True,
            check=False,
        )
        line = " ".join(["ketch", *(_quoted(word) for word in words)])
        if done.returncode not in {0, allow}:
            raise Unavailable(
                f"expected `{line}` to do its work, found exit status {done.returncode}",
                code="demo/command",
                hint=" ".join(done.stderr.split())[-600:] or None,
            )
        typed = Typed(person, line, done.returncode, json.loads(done.stdout or "{}"))
        self.heard(typed)
        return typed


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
