"""Which files, ports and processes a worker may reach: the rules of Landlock.

Landlock (https://docs.kernel.org/userspace-api/landlock.html) restricts a process
without root. This file decides; the worker applies the rules to itself before any code
of a package runs. What is handled and granted nowhere is refused everywhere.
"""

import ctypes
import sys
from collections.abc import Sequence

NEWEST_ABI = 7

_READ = 0b1100  # read file, read folder
# Bit by bit: execute, write, read file, read folder, remove folder, remove file, make
# character device, folder, file, socket, FIFO, block device, symlink, refer, truncate,
# ioctl. A worker writes everything but programs, devices and sockets.
_WRITE = 0b1111_0101_1011_1110
_BITS = {1: 13, 2: 14, 3: 15, 4: 15}  # how many of those bits an ABI knows; then 16

# What a Python process needs beside its environment, and nothing personal.
_SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/share/zoneinfo"),
    *("/etc/ld.so.cache", "/etc/localtime", "/etc/timezone", "/etc/mime.types"),
    *("/etc/os-release", "/etc/ssl/openssl.cnf", "/proc/self", "/proc/cpuinfo"),
    *("/proc/meminfo", "/proc/stat", "/proc/sys/vm", "/sys/devices/system/cpu"),
    *("/sys/devices/system/node", "/sys/fs/cgroup", "/dev/zero", "/dev/random", "/dev/urandom"),
)
_NETWORK = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf"),
    *("/etc/gai.conf", "/etc/services", "/etc/protocols", "/etc/ssl", "/etc/pki"),
    *("/etc/ca-certificates", "/usr/share/ca-certificates", "/run/systemd/resolve"),
)


def newest_abi() -> int:
    """Return the newest Landlock ABI of this kernel that ketch knows; 0 without one."""
    if sys.platform != "linux":
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    found: int = libc.syscall(444, None, ctypes.c_size_t(0), 1)
    return max(0, min(NEWEST_ABI, found))


def confines_signals(abi: int) -> bool:
    """Whether this ABI keeps signals, and abstract sockets, inside the sandbox."""
    return abi >= 6


def landlock_rules(
    readable: Sequence[str], writable: str, *, network: bool, abi: int
) -> dict[str, object] | None:
    """Return the rules in the worker's form, reduced to what an ABI knows.

    Args:
        readable: Files and folders to read, beside what every Python process needs.
        writable: The one folder to write to.
        network: Whether TCP is left open, with the files that names and TLS need.
        abi: The kernel's ABI; 0 means there are no rules to set.
    """
    if abi == 0:
        return None
    handled = (1 << _BITS.get(abi, 16)) - 1
    tcp = 0b11 if abi >= 4 and not network else 0
    scopes = 0b11 if confines_signals(abi) else 0
    return {
        "abi": abi,
        "attributes": [handled, tcp, scopes],
        "size": 8 if abi < 4 else 16 if abi < 6 else 24,
        "read": _READ & handled,
        "write": _WRITE & handled,
        "readable": [*readable, *_SYSTEM, *(_NETWORK if network else ())],
        "writable": [writable, "/dev/null"],
    }
