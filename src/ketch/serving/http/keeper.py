"""The keeper: a small process that holds the sockets and keeps a gateway running.

It imports and does next to nothing, so it has no reason to die. When the gateway dies,
clients that connect wait until the next one takes them: the sockets listen all the time.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

_TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FIRST_S, _LONGEST_S = 0.1, 5.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the gateway, as the gateway sees it.

    Attributes:
        count: How many there were before.
    """

    count: int
    _pipe: int

    def is_ready(self) -> None:
        """Say that requests are answered: from now on a gateway that dies is started again."""
        if self._pipe >= 0:
            os.write(self._pipe, b"1")


def keep(run: Callable[[Start], int], *, stop_s: float = 60.0, good_s: float = 60.0) -> int:
    """Run a gateway in a process of its own, again and again, until it may end.

    It may when it ends with 0, when we are told to stop (by SIGTERM, SIGINT or SIGHUP, which
    it is told, too), and when it ends before it was ever ready: then it would not become so
    the next time either. To be called before there is any thread or event loop. In the
    process of the gateway it does not return, but raises `SystemExit`.

    Args:
        run: The gateway; it returns the exit status.
        stop_s: How long the gateway may take to stop; then it is killed.
        good_s: After how long it counts as running well, and is started at once again.

    Returns:
        The exit status.
    """
    return _Keeper(run, stop_s, good_s).keep()


class _Keeper:
    def __init__(self, run: Callable[[Start], int], stop_s: float, good_s: float) -> None:
        self._run = run
        self._stop_s = stop_s
        self._good_s = good_s
        self._heard = {one for one in _TOLD if signal.getsignal(one) is not signal.SIG_IGN}
        self._kill_at: float | None = None
        self._pid = 0
        self._before: set[int | signal.Signals] = set()

    def keep(self) -> int:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, {*self._heard, signal.SIGCHLD})
        try:
            return self._keep()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def _keep(self) -> int:
        count, pause_s, was_ready = 0, _FIRST_S, False
        while True:
            began = time.monotonic()
            status, is_ready = self._once(count)
            was_ready = was_ready or is_ready
            if self._kill_at is not None:
                return 0 if -status in self._heard else _exit_status(status)
            if status == 0 or not was_ready:
                return _exit_status(status)
            if time.monotonic() - began > self._good_s:
                pause_s = _FIRST_S
            _say(f"the gateway {_ended(status)}; it starts again in {pause_s:g} s")
            if self._told_within(pause_s):
                return 0
            count, pause_s = count + 1, min(2 * pause_s, _LONGEST_S)

    def _once(self, count: int) -> tuple[int, bool]:
        """Run the gateway once; return how it ended, and whether it was ever ready."""
        reading, writing = os.pipe()
        keeper = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            self._become_gateway(keeper)
            raise SystemExit(self._run(Start(count, writing)))
        os.close(writing)
        try:
            status = self._wait()
            os.set_blocking(reading, False)
            return status, _has_said(reading)
        finally:
            os.close(reading)

    def _become_gateway(self, keeper: int) -> None:
        _die_with(keeper)
        os.setsid()  # Ctrl-C reaches it once: through the keeper
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def _wait(self) -> int:
        """Wait until the gateway ends, passing on what we are told; return its exit status."""
        while True:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            left_s = 3600.0 if self._kill_at is None else self._kill_at - time.monotonic()
            if left_s <= 0:
                os.kill(self._pid, signal.SIGKILL)
                left_s = 1.0
            told = signal.sigtimedwait({*self._heard, signal.SIGCHLD}, left_s)
            if told is not None and told.si_signo in self._heard:
                self._kill_at = self._kill_at or time.monotonic() + self._stop_s
                os.kill(self._pid, told.si_signo)

    def _told_within(self, pause_s: float) -> bool:
        return signal.sigtimedwait(self._heard, pause_s) is not None if self._heard else False


def _die_with(keeper: int) -> None:
    """Let the kernel tell us to stop when the keeper is gone."""
    import ctypes  # the keeper does without

    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)  # PR_SET_PDEATHSIG, linux/prctl.h
    if os.getppid() != keeper:
        raise SystemExit(1)


def _has_said(reading: int) -> bool:
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:  # a process that outlived the gateway holds the other end
        return False


def _exit_status(status: int) -> int:
    return status if status >= 0 else 128 - status


def _ended(status: int) -> str:
    return f"ended with {status}" if status >= 0 else f"was killed by signal {-status}"


def _say(text: str) -> None:
    print(f"ketch serve: {text}", file=sys.stderr, flush=True)
