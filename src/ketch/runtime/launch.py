"""How to start a worker: what it may read, write and reach, decided before it exists."""

import base64
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ketch.errors import Unavailable
from ketch.runtime.discreet import Discreet
from ketch.runtime.landlock import confines_signals, landlock_rules, newest_abi
from ketch.runtime.seccomp import seccomp_filter

WORKER = Path(__file__).parent.parent / "_worker" / "worker.py"
_SYSTEM_PREFIXES = frozenset({"/", "/usr", "/usr/local"})


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a worker.

    Attributes:
        python: The environment's interpreter, a link to one outside the environment.
        env_dir: The environment.
        code_dir, model_dir: The package's code and trained files.
        scratch: The only folder its code may write to; made when absent.
        variables: The environment variables package code sees, beside a few of ours.
        readable: More files and folders it may read, such as validation data.
        preimport: Modules of the environment to import before the package's code.
        sandbox: Whether to put up the layers that this kernel has.
        network: Whether internet sockets stay open to it.
        memory_bytes: Most private memory it may hold; None for no limit.
        start_timeout_s: How long starting may take, with the imports of ``preimport``.
        hash_seed: ``PYTHONHASHSEED``; answers that depend on it are not reproducible.
        private: Names among ``variables`` whose values no message may tell.
    """

    python: Path
    env_dir: Path
    code_dir: Path
    model_dir: Path
    scratch: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    preimport: tuple[str, ...] = ()
    sandbox: bool = True
    network: bool = False
    memory_bytes: int | None = None
    start_timeout_s: float = 60.0
    hash_seed: int = 0
    private: frozenset[str] = frozenset()

    def interpreter(self) -> Path:
        """Return the interpreter to run: the base one, which no wheel can replace.

        A wheel may bring its own ``bin/python`` or ``pyvenv.cfg``. Neither is used
        before the sandbox has closed: the worker starts as the base interpreter and
        enters the environment from inside.

        Raises:
            Unavailable: The environment's interpreter is a file of the environment.
        """
        found = self.python.resolve()
        if found.is_relative_to(self.env_dir.resolve()):
            raise Unavailable(
                f"expected a link to an interpreter outside the environment, found `{found}`",
                code="worker/interpreter",
                where=str(self.python),
                hint="remove the environment, so that it is built again",
            )
        return found

    def process_variables(self) -> dict[str, str]:
        """Return the variables of the bare process; package code's own come later.

        The loader and the interpreter obey variables (``LD_PRELOAD``, ``PYTHONPATH``),
        so those of a package are set only once the sandbox has closed. The exception
        are the C library's settings for memory, which it reads at the very start.
        """
        scratch = str(self.scratch.resolve())
        return {
            **{name: v for name, v in self.variables.items() if name.startswith("MALLOC_")},
            "PATH": f"{self.env_dir / 'bin'}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": scratch,
            "TMPDIR": scratch,
            "USER": "ketch",
            "PYTHONHASHSEED": str(self.hash_seed),
        }

    def discreet(self) -> Discreet:
        """Return what tells of this worker without naming the machine or a secret."""
        names = {str(WORKER.parent): "ketch"}
        prefix = str(self.python.resolve().parents[1])
        if prefix not in _SYSTEM_PREFIXES:
            names[prefix] = "python"
        folders = {"model": self.model_dir, "scratch": self.scratch, "environment": self.env_dir}
        for name, folder in {**folders, "code": self.code_dir}.items():
            names |= {str(folder.absolute()): name, str(folder.resolve()): name}
        names |= {str(path.resolve()): f"data/{path.name}" for path in self.readable}
        return Discreet(names, {name: self.variables.get(name, "") for name in self.private})

    def request(self, *, pid: int, lifeline: int, board: int) -> dict[str, object]:
        """Return the ``start`` request for a process that inherited two descriptors."""
        abi = newest_abi()
        scratch = str(self.scratch.resolve())
        folders = [self.env_dir, self.code_dir, self.model_dir, *self.readable]
        filter_ = seccomp_filter(
            os.uname().machine,
            network=self.network,
            pid=pid,
            signals_confined=confines_signals(abi),
        )
        return {
            "scratch": scratch,
            "code_dir": str(self.code_dir.resolve()),
            "model_dir": str(self.model_dir.resolve()),
            "env_dir": str(self.env_dir.absolute()),
            "python": str(self.python.absolute()),
            "variables": dict(self.variables),
            "preimport": list(self.preimport),
            "lifeline": lifeline,
            "board": board,
            # The signal follows the thread that started the worker, not the process.
            "die_with_parent": threading.current_thread() is threading.main_thread(),
            "memory_bytes": self.memory_bytes,
            "sandbox": self.sandbox,
            "landlock": landlock_rules(
                [str(folder.resolve()) for folder in folders],
                scratch,
                network=self.network,
                abi=abi,
            ),
            "seccomp": filter_ and base64.b64encode(filter_).decode(),
        }
