"""What went wrong in a worker, in words for the person on call."""

import signal
from dataclasses import dataclass, field

from ketch.errors import PackageCodeError, Unavailable
from ketch.runtime.discreet import Discreet
from ketch.runtime.hints import Surroundings
from ketch.runtime.output import MARGIN, as_seen
from ketch.runtime.protocol import Failure
from ketch.schema.problems import escaped

_TAIL_CHARACTERS = 1_500
_OWN_FRAME = '  File "ketch/worker.py"'

_DOING = {
    "start": "as it started",
    "load": "as it imported the package's code and loaded its model",
}


@dataclass(frozen=True, slots=True)
class Failures:
    """Turns what happened to one worker into errors.

    Attributes:
        discreet: Keeps paths of this machine, and secrets, out of the words.
        memory_bytes: The most private memory it may hold; None for no limit.
        surroundings: What it was allowed.
    """

    discreet: Discreet
    memory_bytes: int | None
    surroundings: Surroundings = field(default_factory=Surroundings)

    def raised(self, op: str, failure: Failure) -> PackageCodeError:
        """Return the error for an exception that package code raised."""
        message = self.told(failure.message)
        where = None if failure.step is None else self.told(failure.step)
        code, hint = "package-code/raised", self.surroundings.hint(op, failure)
        if failure.type == "OutputError":
            code, where = "package-code/output", where or "outputs"
            fit = f"the answer does not fit the declared outputs: {message}"
            message = fit if op == "predict" else message
        elif failure.type == "MemoryError":
            code, hint = "package-code/out-of-memory", self._memory_hint()
            message = f"package code ran out of memory: {message}".removesuffix(": ")
        else:
            message = f"`{self.told(failure.type)}`: {message}".removesuffix(": ")
        return PackageCodeError(
            message,
            traceback=self.told(failure.traceback),
            refusal=failure.refusal,
            trace=failure.trace,
            code=code,
            where=where,
            hint=hint,
        )

    def hung(self, op: str, deadline_s: float, at: str | None, output: str) -> Unavailable:
        """Return the error for a worker that did not answer in time and was killed.

        Args:
            op: What it was asked.
            deadline_s: How long it had.
            at: The function of the package that was at work.
            output: What it had printed.
        """
        return Unavailable(
            f"expected an answer to `{op}` within {deadline_s:g} s, found none; "
            "the worker was killed",
            code="worker/deadline",
            where=at and self.told(at),
            hint=self._tail(output),
        )

    def died(self, op: str, status: int | None, at: str | None, output: str) -> Unavailable:
        """Return the error for a worker that ended, or hung up, instead of answering.

        Args:
            op: What it was asked.
            status: Its exit status, a signal as a negative number, None when it hung up.
            at: The function of the package that was at work.
            output: What it had printed.
        """
        if status is None:
            how = "hung up"
        elif status >= 0:
            how = f"ended with exit status {status}"
        else:
            how = f"was killed by {_signal_name(-status)}"
        doing = _DOING.get(op, f"while it answered `{op}`")
        message, hint = f"the worker {how} {doing}", self._tail(output)
        if status is not None and -status in {signal.SIGKILL, signal.SIGABRT}:
            hint = "\n".join(filter(None, (self._memory_hint(), hint)))
        elif self.memory_bytes is not None and "MemoryError" in output[-_TAIL_CHARACTERS:]:
            message = f"the package needs more memory than it promises; {message}"
            hint = self._memory_hint()
        return Unavailable(
            message,
            code="worker/died",
            where=at and self.told(at),
            hint=hint,
        )

    def printed(self, text: str, is_cut: bool) -> str:  # noqa: FBT001 # what `Output.since` returns
        """Return what package code printed as a person may see it.

        Args:
            text: What was kept of it.
            is_cut: Whether it begins anywhere, such as in the middle of a secret.
        """
        return self.told(as_seen(text))[MARGIN if is_cut else 0 :]

    def told(self, text: str) -> str:
        """Return text of package code as a person may see it."""
        return escaped(self.discreet.text(text))

    def _memory_hint(self) -> str:
        if self.memory_bytes is None:
            return "perhaps the machine was out of memory; the kernel's log says"
        return f"it may hold {self.memory_bytes / 1e6:g} MB; `[budget] memory_mb` sets the limit"

    def _tail(self, output: str) -> str | None:
        lines = self.told(output.strip()).splitlines()
        text = "\n".join(line for line in lines if not line.startswith(_OWN_FRAME))
        return f"it had printed:\n{text[-_TAIL_CHARACTERS:]}" if text else None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
