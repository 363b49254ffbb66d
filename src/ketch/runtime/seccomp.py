"""Which system calls a worker may make: a filter that the kernel runs.

A classic BPF program (https://docs.kernel.org/userspace-api/seccomp_filter.html), built
here and set by the worker on itself. It refuses by name what reaches other processes,
the network or the kernel's rarely used corners; it is not a list of all that is allowed,
so that a package may use libraries ketch has never seen.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Name, number on x86_64, number on aarch64 (-1: has none). Refused with EPERM:
_REFUSED = """
    execve 59 221, execveat 322 281, ptrace 101 117, process_vm_readv 310 270,
    process_vm_writev 311 271, process_madvise 440 440, pidfd_getfd 438 438, kcmp 312 272,
    setsid 112 157, setpgid 109 154, chroot 161 51, pivot_root 155 41, mount 165 40,
    umount2 166 39, open_tree 428 428, open_tree_attr 467 467, move_mount 429 429,
    fsopen 430 430, fsconfig 431 431, fsmount 432 432, fspick 433 433, mount_setattr 442 442,
    unshare 272 97, setns 308 268, bpf 321 280, perf_event_open 298 241, userfaultfd 323 282,
    io_uring_setup 425 425, io_uring_enter 426 426, io_uring_register 427 427, add_key 248 217,
    request_key 249 218, keyctl 250 219, kexec_load 246 104, kexec_file_load 320 294,
    init_module 175 105, finit_module 313 273, delete_module 176 106, open_by_handle_at 304 265,
    name_to_handle_at 303 264, fanotify_init 300 262, quotactl 179 60, quotactl_fd 443 443,
    acct 163 89, swapon 167 224, swapoff 168 225, reboot 169 142, sethostname 170 161,
    setdomainname 171 162, settimeofday 164 170, clock_settime 227 112, clock_adjtime 305 266,
    adjtimex 159 171, syslog 103 116, vhangup 153 58, iopl 172 -1, ioperm 173 -1,
    move_pages 279 239, migrate_pages 256 238, shmget 29 194, shmat 30 196, shmctl 31 195,
    semget 64 190, semop 65 193, semctl 66 191, semtimedop 220 192, msgget 68 186,
    msgsnd 69 189, msgrcv 70 188, msgctl 71 187, mq_open 240 180, mq_unlink 241 181,
    setxattr 188 5, lsetxattr 189 6, fsetxattr 190 7, setxattrat 463 463, removexattr 197 14,
    lremovexattr 198 15, fremovexattr 199 16, removexattrat 466 466
"""
# Landlock does not see modes, owners and times. Tools that copy files set them, and stop
# when they may not: so these calls do nothing, and say they did.
_PRETENDED = """
    chmod 90 -1, fchmod 91 52, fchmodat 268 53, fchmodat2 452 452, chown 92 -1, fchown 93 55,
    lchown 94 -1, fchownat 260 54, utime 132 -1, utimes 235 -1, futimesat 261 -1,
    utimensat 280 88
"""
_SOCKET = "socket 41 198"
_CLONE = "clone 56 220"
_CLONE3 = "clone3 435 435"
_OWN_ONLY = "prlimit64 302 261, setpriority 141 140"  # their first argument must be 0
_SIGNAL = "kill 62 129, tgkill 234 131, rt_sigqueueinfo 129 138"
_SIGNAL_BY_OTHER_MEANS = "tkill 200 130, pidfd_send_signal 424 424, rt_tgsigqueueinfo 297 240"

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_PRETEND, _REFUSE, _UNKNOWN = _ERRNO, _ERRNO | 1, _ERRNO | 38  # success, EPERM, ENOSYS
_NAMESPACES = 0x7E020080  # every CLONE_NEW… flag
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor family, by the name ``os.uname()`` gives it."""

    name: str

    def numbers(self, calls: str) -> Iterator[int]:
        """Yield the numbers of the calls that this machine has."""
        for x86, arm in re.findall(r"\w+ (\S+) ([\d-]+)", calls):
            number = int(x86 if self.name == "x86_64" else arm)
            if number >= 0:
                yield number


def seccomp_filter(
    machine: str, *, network: bool, pid: int, signals_confined: bool
) -> bytes | None:
    """Return the filter as BPF, or None when this machine's calls are not known.

    Args:
        machine: ``os.uname().machine``.
        network: Whether internet sockets are left open; no other sockets ever are.
        pid: The worker, which may signal itself and its group.
        signals_confined: Whether Landlock already keeps signals inside; then the
            filter leaves them alone, and package code may end its own children.
    """
    if machine not in _ARCHITECTURES:
        return None
    here = Machine(machine)
    parts = [
        _prologue(here),
        _answer(here.numbers(_REFUSED), _REFUSE),
        _answer(here.numbers(_PRETENDED), _PRETEND),
        _answer(here.numbers(_CLONE3), _UNKNOWN),  # hides its flags; libc falls back to clone
        _clone(here),
        *(_only(number, [0]) for number in here.numbers(_OWN_ONLY)),
    ]
    if network:
        parts += [_only(number, [2, 10]) for number in here.numbers(_SOCKET)]  # AF_INET, AF_INET6
    else:
        parts.append(_answer(here.numbers(_SOCKET), _REFUSE))
    if not signals_confined:
        parts += [_only(number, [0, pid]) for number in here.numbers(_SIGNAL)]
        parts.append(_answer(here.numbers(_SIGNAL_BY_OTHER_MEANS), _REFUSE))
    return b"".join(one for part in parts for one in part) + _op(_RETURN, _ALLOW)


def _op(code: int, constant: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, constant)


def _prologue(machine: Machine) -> Iterator[bytes]:
    yield _op(_LOAD, _ARCHITECTURE)
    yield _op(_EQUAL, _ARCHITECTURES[machine.name], 1, 0)
    yield _op(_RETURN, _KILL)  # a second table of numbers, such as 32-bit x86
    yield _op(_LOAD, _NUMBER)
    yield _op(_AT_LEAST, 0x40000000, 0, 1)  # the x32 twin of every call
    yield _op(_RETURN, _REFUSE)


def _answer(numbers: Iterator[int], verdict: int) -> Iterator[bytes]:
    for number in numbers:
        yield _op(_EQUAL, number, 0, 1)
        yield _op(_RETURN, verdict)


def _only(number: int, values: Sequence[int]) -> Iterator[bytes]:
    """Refuse a call unless its first argument has one of these values."""
    yield _op(_EQUAL, number, 0, len(values) + 3)
    yield _op(_LOAD, _ARGUMENT)
    for index, value in enumerate(values):
        yield _op(_EQUAL, value, len(values) - index, 0)
    yield _op(_RETURN, _REFUSE)
    yield _op(_LOAD, _NUMBER)


def _clone(machine: Machine) -> Iterator[bytes]:
    """Allow new processes and threads, and refuse new namespaces."""
    for number in machine.numbers(_CLONE):
        yield _op(_EQUAL, number, 0, 4)
        yield _op(_LOAD, _ARGUMENT)
        yield _op(_ANY_BIT, _NAMESPACES, 0, 1)
        yield _op(_RETURN, _REFUSE)
        yield _op(_LOAD, _NUMBER)
