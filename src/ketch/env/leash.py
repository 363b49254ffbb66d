"""Becomes another program, which the kernel kills when the process that started it dies.

    <python> -I -S leash.py PARENT PROGRAM ARGUMENT…

Without it, uv would go on fetching and installing for a ketch that was killed. Standard
library only; it costs 15 ms.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG, _SIGKILL = 1, 9  # linux/prctl.h, asm/signal.h

if __name__ == "__main__":
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() == int(sys.argv[1]):  # else it died a moment ago
        os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - a list, never a shell
