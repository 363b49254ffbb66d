"""What went wrong in a worker, in words for the person on call."""

import signal

from ketch.errors import PackageCodeError, Unavailable
from ketch.runtime.protocol import Failure

_TAIL_CHARACTERS = 1_500

_HINTS = {
    "ModuleNotFoundError": "add the library to the package's requirements",
    "PermissionError": "package code may read its environment, code and model, write only to "
    "its temporary folder, and start no programs; `[environment] network = true` opens sockets",
}


def raised(failure: Failure, memory_bytes: int | None) -> PackageCodeError:
    """Return the error for an exception that package code raised."""
    message = printable(failure.message)
    where = None if failure.step is None else printable(failure.step)
    trace = printable(failure.traceback)
    if failure.type == "OutputError":
        return PackageCodeError(
            f"the answer does not fit the declared outputs: {message}",
            code="package-code/output",
            where="outputs" if where in {None, "outputs"} else where,
            traceback=trace,
        )
    if failure.type == "MemoryError":
        return PackageCodeError(
            f"package code ran out of memory: {message}".removesuffix(": "),
            code="package-code/out-of-memory",
            where=where,
            hint=_memory_hint(memory_bytes),
            traceback=trace,
        )
    return PackageCodeError(
        f"`{printable(failure.type)}`: {message}",
        where=where,
        hint=_HINTS.get(failure.type),
        traceback=trace,
        refusal=failure.refusal,
    )


def hung(op: str, deadline_s: float, output: str) -> Unavailable:
    """Return the error for a worker that did not answer in time and was killed."""
    return Unavailable(
        f"expected an answer to `{op}` within {deadline_s:g} s, found none; the worker was killed",
        code="worker/deadline",
        hint=_tail(output),
    )


def died(op: str, status: int | None, output: str, memory_bytes: int | None) -> Unavailable:
    """Return the error for a worker that ended, or hung up, instead of answering."""
    if status is None:
        how = "hung up"
    elif status >= 0:
        how = f"ended with exit status {status}"
    else:
        how = f"was killed by {_signal_name(-status)}"
    hint = _tail(output)
    if status is not None and -status in {signal.SIGKILL, signal.SIGABRT}:
        hint = "\n".join(filter(None, (_memory_hint(memory_bytes), hint)))
    return Unavailable(f"the worker {how} while it answered `{op}`", code="worker/died", hint=hint)


def printable(text: str) -> str:
    """Return text without what would move a terminal's cursor or colour its screen."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def _memory_hint(memory_bytes: int | None) -> str:
    if memory_bytes is None:
        return "perhaps the machine was out of memory; the kernel's log says"
    return f"it may hold {memory_bytes / 1e6:g} MB; `[budget] memory_mb` sets the limit"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _tail(output: str) -> str | None:
    text = printable(output.strip())
    return f"it had printed:\n{text[-_TAIL_CHARACTERS:]}" if text else None
