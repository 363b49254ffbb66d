"""Bytecode of an environment: compiled once, while it is first imported.

uv installs no bytecode, and a library without it takes three times as long to import. No
worker may write to an environment, which other packages share; and what a worker had
compiled itself, no one else could trust. So ketch compiles, in a process beside the worker,
from sources alone (:mod:`ketch.env.compiler`); what the worker imported and that process
had not foreseen is compiled after it.
"""

import os
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from ketch.env.environment import Environment

KNOWN = "ketch-bytecode.txt"
"""The modules of an environment that are compiled, with all that they import."""

MOST_NAMES = 10_000
_PROGRAM = Path(__file__).with_name("compiler.py")
_CLOSING_S = 1.0


class Compiling:
    """Modules of one environment being compiled; several processes may do so at once.

    Args:
        environment: The environment.
        modules: What will be imported, in that order.
    """

    def __init__(self, environment: Environment, modules: Sequence[str]) -> None:
        self._environment = environment
        known = _known(environment)
        self._missing = [name for name in modules if name not in known]
        self._finishing: Thread | None = None
        self._is_closed = False
        self._process = self._start(self._missing)

    @property
    def is_needed(self) -> bool:
        """Whether bytecode is missing: then :meth:`add` what was imported without."""
        return bool(self._missing) and self._finishing is None

    def add(self, modules: Collection[str]) -> None:
        """Compile what a worker imported and no one had foreseen; nothing is missing then."""
        self._finishing = Thread(target=self._finish, args=[sorted(modules)], daemon=True)
        self._finishing.start()

    def close(self) -> None:
        """Stop what does not end in a moment; it is taken up again the next time."""
        if self._finishing is not None:
            self._finishing.join(_CLOSING_S)
        self._is_closed = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _finish(self, modules: Sequence[str]) -> None:
        if self._process is not None and self._process.wait() == 0:
            self._process = self._start(modules[:MOST_NAMES])
            if not self._is_closed and (self._process is None or self._process.wait() == 0):
                _remember(self._environment, self._missing)

    def _start(self, modules: Sequence[str]) -> subprocess.Popen[bytes] | None:
        if not modules or self._is_closed:
            return None
        program: list[str | Path] = [self._environment.interpreter.path, "-I", "-S", _PROGRAM]
        place = self._environment.site_packages.resolve()
        with suppress(OSError):  # then it is slower, and no less right
            return subprocess.Popen(
                [*program, str(os.getpid()), place, *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
            )
        return None


@contextmanager
def compiling(environment: Environment, modules: Sequence[str]) -> Iterator[Compiling]:
    """Compile what is about to be imported, for as long as the block lasts."""
    work = Compiling(environment, modules)
    try:
        yield work
    finally:
        work.close()


def _known(environment: Environment) -> frozenset[str]:
    try:
        return frozenset((environment.path / KNOWN).read_text("utf-8").split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


def _remember(environment: Environment, modules: Sequence[str]) -> None:
    known = sorted(_known(environment) | set(modules))
    with suppress(OSError):  # an environment that cannot be written stays as it is
        (environment.path / KNOWN).write_text("".join(f"{name}\n" for name in known), "utf-8")
