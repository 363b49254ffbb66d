"""A worker: one package, running in its own process, interpreter and environment.

The parent gives a worker a socket to talk through, a pipe whose end kills it, a folder
to write to, and nothing else: no environment variables, no descriptors, no network
unless asked for. Whatever the worker does, a call returns an answer, raises
:class:`~ketch.errors.PackageCodeError` or raises :class:`~ketch.errors.Unavailable`, in
time. After ``Unavailable`` the worker and all it started are gone.
"""

import base64
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ketch.errors import Unavailable
from ketch.runtime.bytecode import adopt_bytecode
from ketch.runtime.failures import died, hung, raised
from ketch.runtime.landlock import confines_signals, landlock_rules, newest_abi
from ketch.runtime.output import Output
from ketch.runtime.protocol import (
    Answer,
    Channel,
    Closed,
    DeadlineExceeded,
    Done,
    Failure,
    Layer,
    Metrics,
    Modules,
    Reply,
    Started,
    Verdict,
    decode_reply,
    encode_frame,
    garbled,
)
from ketch.runtime.seccomp import seccomp_filter
from ketch.schema import Schema

WORKER = Path(__file__).parent.parent / "_worker" / "worker.py"
PROTOCOL = 1
GRACE_S = 0.5


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
        warm_bytecode: Whether the environment keeps the bytecode compiled for those.
        sandbox: Whether to put up the layers that this kernel has.
        network: Whether internet sockets stay open to it.
        memory_bytes: Most private memory it may hold; None for no limit.
        start_timeout_s: How long starting may take, with the imports of ``preimport``.
        hash_seed: ``PYTHONHASHSEED``; answers that depend on it are not reproducible.
    """

    python: Path
    env_dir: Path
    code_dir: Path
    model_dir: Path
    scratch: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    readable: tuple[Path, ...] = ()
    preimport: tuple[str, ...] = ()
    warm_bytecode: bool = False
    sandbox: bool = True
    network: bool = False
    memory_bytes: int | None = None
    start_timeout_s: float = 60.0
    hash_seed: int = 0

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

    def request(self, *, pid: int, lifeline: int) -> dict[str, object]:
        """Return the ``start`` request for a process."""
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
            "writable_bytecode": self.warm_bytecode,
            "lifeline": lifeline,
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


class Worker:
    """A running worker; use it as a context manager, from one thread at a time.

    Attributes:
        layers: The layers of its sandbox, active or not.
        python: Its Python version, such as ``3.11.7``.
        rss_bytes: Most memory it has held, as of its last reply.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.layers: tuple[Layer, ...] = ()
        self.python = ""
        self.rss_bytes = 0
        self._ended = False
        self._output = Output()
        ours, theirs = socket.socketpair()
        # Closed by the kernel with this process, however that ends.
        self._lifeline_read, self._lifeline = os.pipe()
        try:
            self._process = self._spawn(theirs.fileno())
        except OSError as problem:
            ours.close()
            os.close(self._lifeline)
            self._output.close()
            raise Unavailable(
                f"the interpreter cannot be started: {problem}",
                code="worker/start",
                where=str(launch.python),
            ) from problem
        finally:
            theirs.close()
            os.close(self._lifeline_read)
            self._output.release_write_end()
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        self._channel = Channel(ours, self._pidfd)

    @classmethod
    def start(cls, launch: Launch) -> Self:
        """Start a worker, close its sandbox, and enter the environment.

        Raises:
            Unavailable: The interpreter cannot be started, died, or took too long.
        """
        launch.interpreter()
        launch.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        worker = cls(launch)
        try:
            worker._begin()
        except BaseException:
            worker.close()
            raise
        return worker

    @property
    def is_alive(self) -> bool:
        """Whether it can be called."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT  # told, and left for us to reap
        return not self._ended and os.waitid(os.P_PID, self.pid, options) is None

    @property
    def output(self) -> str:
        """The last 64 KiB that it printed, standard output and error together."""
        return self._output.text

    def load(
        self,
        pipeline: Mapping[str, object],
        *,
        params: Mapping[str, object],
        schema: Schema,
        functions: Sequence[str] = (),
        deadline_s: float = 120.0,
    ) -> None:
        """Import the package's functions and load its model.

        Args:
            pipeline: ``load``, ``takes`` and ``steps``.
            params: What ``load`` receives as its parameters.
            schema: What the first step gets, and the last one owes.
            functions: Comparisons and the like, imported now so that they fail now.
            deadline_s: How long it may take, in seconds.

        Raises:
            PackageCodeError: Importing or loading raised.
            Unavailable: The worker died, or took too long.
        """
        request = {
            "pipeline": dict(pipeline),
            "params": dict(params),
            "inputs": [one.to_wire() for one in schema.inputs],
            "outputs": [one.to_wire() for one in schema.outputs],
            "functions": list(functions),
        }
        self._call("load", request, Done, deadline_s)

    def predict(
        self, rows: Sequence[Mapping[str, object]], *, deadline_s: float, trace: bool = False
    ) -> Answer:
        """Answer rows that have passed the schema; one row out for each row in.

        Raises:
            PackageCodeError: A step raised, or what came out does not fit.
            Unavailable: The worker died, or took longer than ``deadline_s`` seconds.
        """
        answer = self._call("predict", {"rows": rows, "trace": trace}, Answer, deadline_s)
        if len(answer.rows) != len(rows):
            self._end(grace_s=0)
            raise garbled(f"{len(answer.rows)} rows for {len(rows)}")
        return answer

    def compare(
        self, function: str, expected: object, found: object, *, deadline_s: float = 60.0
    ) -> bool | str:
        """Ask the package's own function whether two values agree; text says why not."""
        request = {"function": function, "expected": expected, "found": found}
        return self._call("compare", request, Verdict, deadline_s).result

    def evaluate(
        self, function: str, data: Mapping[str, Path], *, deadline_s: float
    ) -> dict[str, float]:
        """Compute the package's own metrics on files it may read."""
        paths = {name: str(path.resolve()) for name, path in data.items()}
        request = {"function": function, "data": paths}
        return self._call("evaluate", request, Metrics, deadline_s).metrics

    def modules(self, *, deadline_s: float = 10.0) -> tuple[str, ...]:
        """Return the top-level modules of the environment that are loaded, sorted."""
        return self._call("modules", {}, Modules, deadline_s).modules

    def close(self) -> None:
        """End the worker and everything it started; calling it twice is harmless."""
        self._end(grace_s=GRACE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, end: int) -> subprocess.Popen[bytes]:
        command = [str(self.launch.interpreter()), "-S", "-s", "-X", "utf8", str(WORKER), str(end)]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._output.write_end,
            stderr=subprocess.STDOUT,
            cwd=self.launch.scratch,
            env=self.launch.process_variables(),
            pass_fds=(end, self._lifeline_read),
            start_new_session=True,
        )

    def _begin(self) -> None:
        launch = self.launch
        request = launch.request(pid=self.pid, lifeline=self._lifeline_read)
        started = self._call("start", request, Started, launch.start_timeout_s)
        if started.protocol != PROTOCOL:
            raise garbled(f"version {started.protocol} of it")
        self.layers, self.python = started.sandbox, started.python
        if launch.warm_bytecode:
            adopt_bytecode(launch.scratch, launch.env_dir)

    def _call(
        self, op: str, request: Mapping[str, object], kind: type[Reply], deadline_s: float
    ) -> Reply:
        if self._ended:
            raise Unavailable("the worker has ended", code="worker/closed")
        frame = encode_frame({"op": op, **request})
        try:
            reply = decode_reply(self._channel.exchange(frame, deadline_s=deadline_s), kind)
        except DeadlineExceeded:
            self._say_where_it_hangs()
            self._end(grace_s=0)
            raise hung(op, deadline_s, self.output) from None
        except Closed:
            status = self._last_words()
            self._end(grace_s=0)
            raise died(op, status, self.output, self.launch.memory_bytes) from None
        except BaseException:  # also Ctrl-C: an answer nobody waits for would come next
            self._end(grace_s=0)
            raise
        if isinstance(reply, Failure):
            raise raised(reply, self.launch.memory_bytes)
        self.rss_bytes = reply.rss_bytes
        return reply

    def _say_where_it_hangs(self) -> None:
        """Have the worker print its stack; native code that holds every lock can, too."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGUSR1)
        self._wait(0.1)

    def _last_words(self) -> int | None:
        """Return how the worker ended: an exit status, or a signal as a negative number."""
        self._wait(1.0)
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT
        ended = os.waitid(os.P_PID, self.pid, options)
        if ended is None:
            return None
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def _wait(self, timeout_s: float) -> None:
        if self._pidfd is not None:
            select.select([self._pidfd], [], [], timeout_s)
        else:
            time.sleep(timeout_s)

    def _end(self, *, grace_s: float) -> None:
        if self._ended:
            return
        self._ended = True
        self._channel.close()
        if grace_s:
            self._wait(grace_s)
        # Before the worker is reaped: until then no other group can have its number.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._lifeline)
        if self._pidfd is not None:
            os.close(self._pidfd)
        self._output.close()
