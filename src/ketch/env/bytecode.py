"""Bytecode of an environment: compiled once, before it is first imported.

uv installs no bytecode, and a library without it takes three times as long to import. No
worker may write to an environment, which other packages share; and what a worker had
compiled itself, no one else could trust. So ketch compiles, in processes of its own that
run nothing of the environment and read sources alone (:mod:`ketch.env.compiler`). What
they did not foresee, a worker tells once it has imported it, and it is compiled then.
"""

import os
import subprocess
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from ketch.env.environment import Environment
from ketch.env.uv import Progress

KNOWN = "ketch-bytecode.txt"
"""The modules of an environment that are compiled, with all that they import."""

LONGEST_S = 120.0
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
        self._processes: list[subprocess.Popen[bytes]] = []
        self._is_complete = False

    @property
    def is_needed(self) -> bool:
        """Whether bytecode is missing: then :meth:`add` what was imported without."""
        return bool(self._missing) and not self._is_complete

    def run(self) -> None:
        """Return once the modules are compiled, with whatever they import at their top level."""
        ends = ("forwards", "backwards") if (os.cpu_count() or 1) > 1 else ("forwards",)
        for direction in ends:
            self._start(direction, self._missing)
        self._wait(LONGEST_S)

    def add(self, modules: Collection[str]) -> None:
        """Begin to compile what a worker imported and no one had foreseen: the rest."""
        self._is_complete = True
        self._start("forwards", sorted(modules)[:MOST_NAMES])

    def close(self) -> None:
        """End it; what takes longer than a moment is taken up again the next time."""
        done = self._wait(_CLOSING_S)
        if done and self._missing and self._is_complete:
            _remember(self._environment, self._missing)

    def _start(self, direction: str, modules: Sequence[str]) -> None:
        if not modules:
            return
        program: list[str | Path] = [self._environment.interpreter.path, "-I", "-S", _PROGRAM]
        place = self._environment.site_packages.resolve()
        with suppress(OSError):  # then imports are slower, and no less right
            process = subprocess.Popen(
                [*program, str(os.getpid()), direction, place, *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={"LANG": "C.UTF-8"},
            )
            self._processes.append(process)

    def _wait(self, limit_s: float) -> bool:
        """Return whether all ended well within the limit; end those that did not."""
        until = monotonic() + limit_s
        for process in self._processes:
            try:
                process.wait(max(0.0, until - monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return all(process.returncode == 0 for process in self._processes)


@contextmanager
def compiling(
    environment: Environment, modules: Sequence[str], progress: Progress = lambda _: None
) -> Iterator[Compiling]:
    """Compile what is about to be imported, then yield for as long as it is used."""
    work = Compiling(environment, modules)
    try:
        if work.is_needed:
            progress("compiling its libraries")
            work.run()
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
