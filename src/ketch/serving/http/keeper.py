"""The keeper: a small process that holds the sockets and keeps a gateway running.

When the gateway dies, clients that connect wait until the next one takes them: the sockets
listen all the time. The keeper itself does next to nothing, so it has no reason to die.

``ketch serve`` becomes both: a fork of it is the first gateway, while it turns itself into
a fresh interpreter that knows the standard library alone, and this file, run by path. Each
further gateway is the same command once more, from the disk, so that an upgrade of ketch is
picked up; it is passed the sockets as systemd passes them (sd_listen_fds(3)), and beside
them a pipe on which it says that it is ready.
"""

from __future__ import annotations

import os
import signal
import sys
import time

TYPE_CHECKING = False  # `typing`, `dataclasses` and their like would weigh as much as all else
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence
    from typing import NoReturn

_TOLD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FIRST_S, _LONGEST_S = 0.1, 5.0
_FIRST_FD = 3
_SOCKET, _READY = "ketch", "ketch-ready-"
"""Names of what is passed to a gateway; that of the pipe ends with the count of the start."""


class Start:
    """One start of the gateway, as the gateway sees it.

    Attributes:
        count: How many there were before.
    """

    __slots__ = ("_pipe", "count")

    def __init__(self, count: int = 0, pipe: int = -1) -> None:
        self.count = count
        self._pipe = pipe

    def is_ready(self) -> None:
        """Say that requests are answered: from now on a gateway that dies is started again."""
        if self._pipe >= 0:
            os.write(self._pipe, b"1")

    @classmethod
    def named(cls, name: str, fd: int) -> Start | None:
        """Return the start that a passed descriptor stands for; None for one of another kind."""
        count = name.removeprefix(_READY)
        return cls(int(count), fd) if count != name and count.isdigit() else None


def keep(
    run: Callable[[Start], int],
    sockets: Sequence[socket.socket],
    *,
    stop_s: float = 60.0,
    good_s: float = 60.0,
) -> int:
    """Run a gateway in a process of its own, again and again, until it may end.

    It may when it ends with 0, when we are told to stop (by SIGTERM, SIGINT or SIGHUP, which
    it is told, too), and when it ends before it was ever ready: then it would not become so
    the next time either. To be called before there is any thread or event loop. It returns
    in the process of the first gateway alone; this process becomes the keeper, and ends as
    the last gateway did. A further gateway is this command again.

    Args:
        run: The gateway; it returns the exit status.
        sockets: They listen.
        stop_s: How long the gateway may take to stop; then it is killed.
        good_s: After how long it counts as running well, and is started at once again.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    heard = [one for one in _TOLD if signal.getsignal(one) is not signal.SIG_IGN]
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*heard, signal.SIGCHLD})
    reading, writing = os.pipe()
    keeper, pid = os.getpid(), os.fork()
    if pid == 0:
        os.close(reading)
        _become_gateway(keeper, before)
        return run(Start(0, writing))
    held = [one.fileno() for one in sockets]
    numbers = map(str, (pid, reading, time.monotonic(), stop_s, good_s))
    lists = (",".join(str(int(one)) for one in of) for of in (heard, before, held))
    return _become_keeper((reading, *held), (*numbers, *lists))


def _become_keeper(fds: Sequence[int], state: Sequence[str]) -> NoReturn:
    """Go on as this file, in an interpreter that knows nothing else."""
    for fd in fds:
        os.set_inheritable(fd, True)
    alone = (sys.executable, "-I", "-S", __file__)
    command = (sys.executable, *sys.orig_argv[1:])
    os.execv(sys.executable, (*alone, *state, *command))  # noqa: S606 # our own


class _Keeper:
    def __init__(self, arguments: Sequence[str]) -> None:
        self._pid, self._reading = int(arguments[0]), int(arguments[1])
        self._began, self._stop_s, self._good_s = map(float, arguments[2:5])
        numbers = [[int(one) for one in of.split(",") if one] for of in arguments[5:8]]
        self._heard, self._before, self._sockets = set(numbers[0]), set(numbers[1]), numbers[2]
        self._command = tuple(arguments[8:])
        self._kill_at: float | None = None

    def keep(self) -> int:
        """Return the exit status once the gateway may end."""
        count, pause_s, was_ready = 0, _FIRST_S, False
        while True:
            status = self._wait()
            was_ready = _has_said(self._reading) or was_ready
            if self._kill_at is not None:
                return 0 if -status in self._heard else _exit_status(status)
            if status == 0 or not was_ready:
                return _exit_status(status)
            if time.monotonic() - self._began > self._good_s:
                pause_s = _FIRST_S
            _say(f"the gateway {_ended(status)}; it starts again in {pause_s:g} s")
            if self._told_within(pause_s):
                return 0
            count, pause_s = count + 1, min(2 * pause_s, _LONGEST_S)
            self._start(count)

    def _start(self, count: int) -> None:
        """Start a gateway from the disk."""
        self._began = time.monotonic()
        self._reading, writing = os.pipe()
        keeper = os.getpid()
        self._pid = os.fork()
        if self._pid:
            os.close(writing)
            return
        try:
            _become_gateway(keeper, self._before)
            names = [_SOCKET] * len(self._sockets)
            _pass_on((*self._sockets, writing), (*names, f"{_READY}{count}"))
            os.execv(self._command[0], self._command)  # noqa: S606 # ours, as it was given
        finally:  # only if that failed
            os._exit(1)

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


def _become_gateway(keeper: int, mask: set[int]) -> None:
    """Leave the keeper, in the process that was forked from it."""
    import ctypes  # the keeper does without

    # Let the kernel tell us to stop when the keeper is gone; an exec leaves that as it is.
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)  # PR_SET_PDEATHSIG, linux/prctl.h
    if os.getppid() != keeper:
        raise SystemExit(1)
    os.setsid()  # Ctrl-C reaches it once: through the keeper
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _pass_on(fds: Sequence[int], names: Sequence[str]) -> None:
    """Leave descriptors for the program that this process becomes, as systemd does."""
    above = _FIRST_FD + len(fds)
    moved = [_duplicate(fd, above) for fd in fds]
    for at, fd in enumerate(moved, _FIRST_FD):
        os.dup2(fd, at)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(fds))
    os.environ["LISTEN_FDNAMES"] = ":".join(names)


def _duplicate(fd: int, least: int) -> int:
    import fcntl

    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, least)


def _has_said(reading: int) -> bool:
    """Whether the gateway was ever ready; what it would have said that on is closed."""
    os.set_blocking(reading, False)
    try:
        return os.read(reading, 1) != b""
    except BlockingIOError:  # a process that outlived the gateway holds the other end
        return False
    finally:
        os.close(reading)


def _exit_status(status: int) -> int:
    return status if status >= 0 else 128 - status


def _ended(status: int) -> str:
    return f"ended with {status}" if status >= 0 else f"was killed by signal {-status}"


def _say(text: str) -> None:
    print(f"ketch serve: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(_Keeper(sys.argv[1:]).keep())
