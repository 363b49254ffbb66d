"""Runs a command, lists every change that it makes to some folders, and lets one go wrong.

    supervisor.py '{"argv": […], "folders": […], "log": "FILE", "at": 7, "fault": "ENOSPC",
                    "patience_s": 5}'

The kernel asks this process before each system call that changes a disk, whichever
process or thread of the command makes it (seccomp's user notification, Linux 5.5: see
seccomp_unotify(2)). So changes are counted in one order, which strace cannot: it counts
for each thread by itself. At change number ``at`` the fault happens instead:

- ``group``: the process group of the command is killed (``kill -9``), as a terminal or a
  job scheduler does;
- ``parent``: the command's first process is killed and nothing else;
- ``caller``: the process that makes the change is killed and nothing else;
- the name of an error, such as ``ENOSPC``: the call fails with it.

Whatever the command started must end with it. What still runs ``patience_s`` after is
killed, and told. The log is JSON: ``status`` (minus the signal, when killed), ``output``
(standard error), ``changes`` (``[call, path, …]`` each), ``hit`` and ``orphans``.
Standard library only, and no ketch: it starts in 20 ms.
"""

import array
import ctypes
import errno
import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

NOT_SUPERVISED = 77  # the exit status where the kernel, or a container, does not allow it

# Name, number on x86_64, number on aarch64 (-1: has none), then its paths in order:
# `fN` argument N is a descriptor; `aN` it is a path relative to descriptor N-1; `pN` a path.
CALLS = """
    open 2 -1 p0, openat 257 56 a1, creat 85 -1 p0, write 1 64 f0, pwrite64 18 68 f0,
    writev 20 66 f0, pwritev 296 70 f0, pwritev2 328 287 f0, copy_file_range 326 285 f2,
    sendfile 40 71 f0, splice 275 76 f2, fallocate 285 47 f0, fsync 74 82 f0,
    fdatasync 75 83 f0, syncfs 306 267 f0, rename 82 -1 p0 p1, renameat 264 38 a1 a3,
    renameat2 316 276 a1 a3, link 86 -1 p0 p1, linkat 265 37 a1 a3, symlink 88 -1 p1,
    symlinkat 266 36 a2, unlink 87 -1 p0, unlinkat 263 35 a1, mkdir 83 -1 p0,
    mkdirat 258 34 a1, rmdir 84 -1 p0, ftruncate 77 46 f0, truncate 76 45 p0, chmod 90 -1 p0,
    fchmod 91 52 f0, fchmodat 268 53 a1, utime 132 -1 p0, utimensat 280 88 a1,
    ioctl 16 29 f0
"""
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
OPEN_FLAGS = {"open": 1, "openat": 2}  # which argument
OPEN_CHANGES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
FICLONE = 0x40049409

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
CONTINUE = 1
NOTIF = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif with its seccomp_data
RESPONSE = struct.Struct("=Qqii")
SET_MODE_FILTER, NEW_LISTENER, WAIT_KILLABLE = 1, 8, 32
SECCOMP = {"x86_64": 317, "aarch64": 277}
NO_NEW_PRIVS, CHILD_SUBREAPER = 38, 36
MACHINE = os.uname().machine


class Call:
    """One system call of the table."""

    def __init__(self, name: str, x86: str, arm: str, paths: str) -> None:
        self.name = name
        self.number = int(x86 if MACHINE == "x86_64" else arm)
        self.paths = [(one[0], int(one[1:])) for one in paths.split()]


TABLE = [Call(*parts) for parts in re.findall(r"(\w+) (\S+) (\S+) ([^,]+)", CALLS)]
BY_NUMBER = {call.number: call for call in TABLE if call.number >= 0}


def bpf() -> bytes:
    """Return the filter: ask about the calls of the table, allow all others."""
    allow, ask = (0x06, 0, 0, 0x7FFF0000), (0x06, 0, 0, 0x7FC00000)
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, AUDIT_ARCH[MACHINE]), allow, (0x20, 0, 0, 0)]
    for number, call in BY_NUMBER.items():
        if call.name in OPEN_FLAGS:
            argument = 16 + 8 * OPEN_FLAGS[call.name]
            only = [(0x20, 0, 0, argument), (0x45, 0, 1, OPEN_CHANGES), ask, allow]
        elif call.name == "ioctl":
            only = [(0x20, 0, 0, 16 + 8), (0x15, 0, 1, FICLONE), ask, allow]
        else:
            only = [ask]
        program += [(0x15, 0, len(only), number), *only]
    return b"".join(struct.pack("=HBBI", *one) for one in [*program, allow])


def start(argv: list[str], pipe: socket.socket) -> None:
    """Become the command, in a process group of its own; never returns."""
    os.setpgid(0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0)
    code = bpf()
    content = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(content))
    for flags in (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER):
        listener = libc.syscall(SECCOMP[MACHINE], SET_MODE_FILTER, flags, program)
        if listener >= 0:
            break
    else:
        raise OSError(ctypes.get_errno(), "seccomp")
    socket.send_fds(pipe, [b"!"], [listener])
    os.execv(argv[0], argv)


class Supervisor:
    """Answers the kernel's questions."""

    def __init__(self, folders: list[str], at: int | None, fault: str, child: int) -> None:
        self.changes: list[list[str]] = []
        self.is_hit = False
        self._folders = tuple(os.path.realpath(folder) for folder in folders)
        self._at = at
        self._fault = fault
        self._child = child

    def answer(self, listener: int) -> None:
        """Take one question and answer it."""
        question = array.array("B", bytes(NOTIF.size))
        try:
            fcntl.ioctl(listener, NOTIF_RECV, question)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # it was killed meanwhile
                return
            raise
        identity, task, _, number, _, _, *arguments = NOTIF.unpack(question)
        paths = self._paths(task, BY_NUMBER[number], arguments)
        failed = 0
        if any(path.startswith(self._folders) for path in paths):
            self.changes.append([BY_NUMBER[number].name, *paths])
            if len(self.changes) == self._at:
                self.is_hit = True
                failed = self._strike(task)
        if failed < 0:
            return  # its process is dying: an answer could let the call happen first
        response = array.array("B", RESPONSE.pack(identity, 0, -failed, 0 if failed else CONTINUE))
        try:
            fcntl.ioctl(listener, NOTIF_SEND, response)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def _strike(self, task: int) -> int:
        """Do the fault; return an error for the call, 0 to let it be, -1 for no answer."""
        if self._fault == "group":
            is_dying = os.getpgid(task) == self._child
            os.killpg(self._child, signal.SIGKILL)
        elif self._fault == "parent":
            is_dying = Path(f"/proc/{self._child}/task/{task}").exists()
            os.kill(self._child, signal.SIGKILL)
        elif self._fault == "caller":
            is_dying = True
            os.kill(_process(task), signal.SIGKILL)
        else:
            return int(getattr(errno, self._fault))
        return -1 if is_dying else 0

    def _paths(self, task: int, call: Call, arguments: list[int]) -> list[str]:
        found = []
        for kind, position in call.paths:
            if kind == "f":
                found.append(_descriptor(task, arguments[position]))
            elif not arguments[position]:  # utimensat with no path: its descriptor's file
                found.append(_descriptor(task, arguments[position - 1]))
            else:
                folder = arguments[position - 1] if kind == "a" else -100
                path = _text(task, arguments[position])
                is_whole = path.startswith("/")
                full = path if is_whole else f"{_descriptor(task, folder)}/{path}"
                found.append(os.path.normpath(full))
        return found


def _descriptor(task: int, number: int) -> str:
    number = struct.unpack("i", struct.pack("I", number & 0xFFFFFFFF))[0]
    try:
        return str(Path(f"/proc/{task}", "cwd" if number == -100 else f"fd/{number}").readlink())
    except OSError:
        return "?"


def _process(task: int) -> int:
    said = Path(f"/proc/{task}/status").read_text()
    return int(said.partition("Tgid:")[2].partition("\n")[0])


def _text(task: int, address: int) -> str:
    """Read a path in the memory of another process; it never crosses into no memory."""
    try:
        with Path(f"/proc/{task}/mem").open("rb", buffering=0) as memory:
            content = os.pread(memory.fileno(), 4096 - address % 4096, address)
            if b"\0" not in content:
                content += os.pread(memory.fileno(), 4096, address + len(content))
    except OSError:
        return "?"
    return content.partition(b"\0")[0].decode(errors="replace")


def _descendants(of: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{of}/task").glob("*"):
        try:
            children = [int(pid) for pid in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _named(pid: int) -> str:
    try:
        said = Path(f"/proc/{pid}/cmdline").read_bytes()
        return said.replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def main() -> None:
    asked = json.loads(sys.argv[1])
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1, 0, 0, 0)
    ours, theirs = socket.socketpair()
    said_read, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(said, 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            start(asked["argv"], theirs)
        except OSError as error:
            os.write(2, str(error).encode())
        finally:
            os._exit(126)
    theirs.close()
    os.close(said)
    _, received, _, _ = socket.recv_fds(ours, 1, 1)
    if not received:
        print(os.read(said_read, 1000).decode(), file=sys.stderr)
        sys.exit(NOT_SUPERVISED)
    watched = Supervisor(asked["folders"], asked.get("at"), asked.get("fault", ""), child)
    status, output, orphans = _watch(watched, received[0], child, said_read, asked["patience_s"])
    told = {
        "status": status,
        "output": output.decode(errors="replace"),
        "changes": watched.changes,
        "hit": watched.is_hit,
        "orphans": orphans,
    }
    Path(asked["log"]).write_text(json.dumps(told))


def _watch(
    supervisor: Supervisor, listener: int, child: int, said: int, patience_s: float
) -> tuple[int | None, bytes, list[str]]:
    """Answer until every process is gone; return how the command ended."""
    poll = select.poll()
    for descriptor in (listener, said):
        poll.register(descriptor, select.POLLIN)
    status: int | None = None
    output, deadline = b"", float("inf")
    while True:
        for descriptor, event in poll.poll(5 if status is not None else 100):
            if descriptor == listener and event & select.POLLIN:
                supervisor.answer(listener)
            elif descriptor == said and event & select.POLLIN:
                output = (output + os.read(said, 65536))[-65536:]
            elif event & select.POLLHUP:
                poll.unregister(descriptor)
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status, output, []
        if pid == child:
            status = os.waitstatus_to_exitcode(ended)
            deadline = time.monotonic() + patience_s
        if time.monotonic() > deadline:
            left = _descendants(os.getpid())
            orphans = [_named(pid) for pid in left]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            return status, output, orphans


if __name__ == "__main__":
    main()
