"""A worker: one package, running in its own process, interpreter and environment.

The parent gives a worker a socket to talk through, a pipe whose end kills it, a folder
to write to, and nothing else: no environment variables, no descriptors, no network
unless asked for. Whatever the worker does, a call returns an answer, raises
:class:`~ketch.errors.PackageCodeError` or raises :class:`~ketch.errors.Unavailable`, in
time. After ``Unavailable`` the worker and all it started are gone.
"""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from ketch.errors import Unavailable
from ketch.runtime.board import Board
from ketch.runtime.failures import Failures
from ketch.runtime.hints import Surroundings
from ketch.runtime.launch import WORKER, Launch
from ketch.runtime.output import MARGIN, Output, last_lines
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
from ketch.schema import Schema

PROTOCOL = 1
GRACE_S = 0.5


class Worker:
    """A running worker; use it as a context manager, from one thread at a time.

    Attributes:
        layers: The layers of its sandbox, active or not.
        python: Its Python version, such as ``3.11.7``.
        rss_bytes: Most memory it has held, as of its last reply.
        failures: How its failures are told, without naming this machine.
    """

    def __init__(self, launch: Launch) -> None:
        self.launch = launch
        self.layers: tuple[Layer, ...] = ()
        self.python = ""
        self.rss_bytes = 0
        allowed = Surroundings(network=launch.network, model_dir=launch.model_dir)
        self.failures = Failures(launch.discreet(), launch.memory_bytes, allowed)
        self._ended = False
        self._parent = os.getpid()
        self._board = Board()
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
            self._board.close()
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
        _first_to_go(self.pid)
        self._pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        self._channel = Channel(ours, self._pidfd)

    @classmethod
    def start(cls, launch: Launch) -> Self:
        """Start a worker, close its sandbox, and enter the environment.

        Raises:
            Unavailable: The interpreter cannot be started, died, or took too long.
        """
        worker = cls.begin(launch)
        worker.ready()
        return worker

    @classmethod
    def begin(cls, launch: Launch) -> Self:
        """Start a worker and return at once; it may be called after :meth:`ready`.

        Raises:
            Unavailable: The interpreter cannot be started.
        """
        launch.interpreter()
        launch.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        worker = cls(launch)
        with worker._told("start", launch.start_timeout_s) as until:
            request = launch.request(
                pid=worker.pid, lifeline=worker._lifeline_read, board=worker._board.fd
            )
            worker._channel.send(encode_frame({"op": "start", **request}), until=until)
        return worker

    def ready(self) -> None:
        """Return once its sandbox is closed and the environment entered.

        Raises:
            Unavailable: It died, or took too long.
        """
        with ExitStack() as unless_ready:
            unless_ready.callback(self.close)
            started = self._call("start", None, Started, self.launch.start_timeout_s)
            if started.protocol != PROTOCOL:
                raise garbled(f"version {started.protocol} of it")
            unless_ready.pop_all()
        self.layers, self.python = started.sandbox, started.python
        active = frozenset(layer.layer for layer in self.layers if layer.active)
        allowed = replace(self.failures.surroundings, layers=active)
        self.failures = replace(self.failures, surroundings=allowed)

    @property
    def is_alive(self) -> bool:
        """Whether it can be called."""
        options = os.WEXITED | os.WNOHANG | os.WNOWAIT  # told, and left for us to reap
        return not self._ended and os.waitid(os.P_PID, self.pid, options) is None

    @property
    def signs(self) -> tuple[int, ...]:
        """Descriptors of which one becomes readable when it answers, or never will."""
        sock = self._channel.fileno()
        return (sock,) if self._pidfd is None else (sock, self._pidfd)

    @property
    def output(self) -> str:
        """The last 64 KiB that it printed, standard output and error together."""
        return self.output_since(0)

    @property
    def output_position(self) -> int:
        """How much it has printed; :meth:`output_since` tells what comes after."""
        return self._output.position

    def output_since(self, position: int) -> str:
        """Return what it printed after a position, the last 64 KiB of that at most."""
        return self.failures.printed(*self._output.since(position))

    def last_lines(self) -> str:
        """Return the last lines that it printed, few and short enough for an error."""
        beginning = max(0, self.output_position - 2 * MARGIN)
        text, _ = self._output.since(beginning)
        return last_lines(self.failures.printed(text, beginning > 0))

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
        self.ask(rows, deadline_s=deadline_s, trace=trace)
        return self.answered(len(rows), deadline_s=deadline_s)

    def ask(
        self, rows: Sequence[Mapping[str, object]], *, deadline_s: float, trace: bool = False
    ) -> None:
        """Send rows as :meth:`predict` does and return at once; ``answered`` comes next."""
        if self._ended:
            raise _closed()
        with self._told("predict", deadline_s) as until:
            request = {"op": "predict", "rows": rows, "trace": trace}
            self._channel.send(encode_frame(request), until=until)

    def answered(self, count: int, *, deadline_s: float) -> Answer:
        """Return the answer to so many rows that were sent before; see :meth:`predict`."""
        answer = self._call("predict", None, Answer, deadline_s)
        if len(answer.rows) != count:
            self._end(grace_s=0)
            raise garbled(f"{len(answer.rows)} rows for {count}")
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

    def modules(self, *, deadline_s: float = 10.0) -> Modules:
        """Return which modules of the environment are loaded."""
        return self._call("modules", {}, Modules, deadline_s)

    def hand_over(self) -> socket.socket:
        """Give the conversation away: who has the socket asks from now on, and closes it.

        Frames and replies are those of the protocol. Left here are :meth:`hung` and
        :meth:`gone`, which tell how it went, and :meth:`close`.
        """
        return self._channel.give()

    @property
    def end(self) -> int | None:
        """A descriptor that becomes readable when the process ends, where there is such a thing."""
        return None if self._ended else self._pidfd

    def hung(self, op: str, deadline_s: float) -> Unavailable:
        """End a worker that did not answer in time; return what says where it hung."""
        if self._ended:
            return _closed()
        self._say_where_it_hangs()
        at = self._board.read()
        self._end(grace_s=0)
        return self.failures.hung(op, deadline_s, at, self._output.text)

    def gone(self, op: str) -> Unavailable:
        """Bury a worker that ended, or hung up, instead of answering; return what says how."""
        if self._ended:  # by another thread, or because the interpreter ends
            return _closed()
        status, at = self._last_words(), self._board.read()
        self._end(grace_s=0)
        return self.failures.died(op, status, at, self._output.text)

    def hang_up(self) -> None:
        """Ask the worker to end; :meth:`close` waits for it."""
        self._channel.close()

    def close(self, *, grace_s: float = GRACE_S) -> None:
        """End the worker and everything it started; calling it twice is harmless.

        Args:
            grace_s: How long it may take to end by itself.
        """
        self._end(grace_s=grace_s)

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
            pass_fds=(end, self._lifeline_read, self._board.fd),
            start_new_session=True,
        )

    def _call(
        self, op: str, request: Mapping[str, object] | None, kind: type[Reply], deadline_s: float
    ) -> Reply:
        """Return the reply to a request; without one, to the request that was sent before."""
        if self._ended:
            raise _closed()
        with self._told(op, deadline_s) as until:
            if request is not None:
                self._channel.send(encode_frame({"op": op, **request}), until=until)
            reply = decode_reply(self._channel.receive(until=until), kind)
        if isinstance(reply, Failure):
            raised = self.failures.raised(op, reply)
            raised.printed = self.last_lines()
            raise raised
        self.rss_bytes = reply.rss_bytes
        return reply

    @contextmanager
    def _told(self, op: str, deadline_s: float) -> Iterator[float]:
        """Yield when the time is up; end the worker when the conversation fails, and say how."""
        try:
            yield time.monotonic() + deadline_s
        except DeadlineExceeded:
            raise self.hung(op, deadline_s) from None
        except Closed:
            raise self.gone(op) from None
        except BaseException:  # also Ctrl-C: an answer nobody waits for would come next
            self._end(grace_s=0)
            raise

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
        if self._ended or os.getpid() != self._parent:  # a fork of the parent has no say
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
        self._board.close()


def _closed() -> Unavailable:
    return Unavailable("the worker has ended", code="worker/closed")


def _first_to_go(pid: int) -> None:
    """Have the kernel end this process before any other when the machine is out of memory."""
    with suppress(OSError):  # not Linux, or a machine that does not allow it
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
