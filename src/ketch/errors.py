"""Every error ketch raises on purpose.

::

    KetchError
    ├── UsageError           the request is wrong            exit 2   HTTP 400
    ├── NotFound             no such package, version, unit  exit 2   HTTP 404
    ├── PackageError         the bytes of a package are wrong exit 1  HTTP 422
    │   ├── ManifestError        breaks the format
    │   └── DigestMismatch       content is not what its digest says
    ├── Refused              a rule says no                  exit 1   HTTP 409
    ├── PackageCodeError     the package's own code raised   exit 1   HTTP 500
    └── Unavailable          network, disk, worker           exit 3   HTTP 503

Validation does not raise: it returns every :class:`Finding` at once, as a value.
An exception is for what stops the work; it may carry the findings that stopped it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

_TOLD = 10
"""How many findings the text of an error lists."""

_LONGEST = 1000
"""The most characters that a finding says; names of strangers have any length."""


def _shown(text: str, *, lines: bool = True) -> str:
    """Return text that does nothing to the terminal that shows it.

    Whoever wrote a package, a file or a request may have put escapes into what an error
    tells of it.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or (lines and letter in "\n\t") else "\ufffd"
        for letter in text
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a look, and what to do about it.

    Attributes:
        code: Stable, documented identifier, such as ``schema/wrong-type``.
        message: What was expected and what was found, values in backticks.
        where: A path a person can open, such as ``ketch.toml: inputs.hour.min``.
        hint: What to do about it, when we know.
        blocks: Whether the work stops because of it; otherwise it is advice.
    """

    code: str
    message: str
    where: str | None = None
    hint: str | None = None
    blocks: bool = True

    def __post_init__(self) -> None:
        for name in ("message", "where", "hint"):
            text = getattr(self, name)
            if text and (len(text) > _LONGEST or not text.isprintable()):
                object.__setattr__(self, name, _shown(_cut(text), lines=name != "where"))

    def to_json(self) -> dict[str, object]:
        """Return the finding as a JSON object, without the empty members."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class KetchError(Exception):
    """Any error that ketch raises on purpose.

    Args:
        message: What was expected and what was found.
        code: Stable, documented identifier; each class has a default.
        where: A path a person can open.
        hint: What to do about it.
        findings: Everything that is wrong, when there is more than one thing to say.
    """

    code: str = "ketch/error"
    exit_status: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        where: str | None = None,
        hint: str | None = None,
        findings: Iterable[Finding] = (),
    ) -> None:
        self.message = _shown(message)
        super().__init__(self.message)
        self.code = code or type(self).code
        self.where = where and _shown(where, lines=False)
        self.hint = hint and _shown(hint)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        """Return all of it: in a notebook the text of an error is all there is to see."""
        at = f" (at `{self.where}`)" if self.where and self.where not in self.message else ""
        told = [f"{self.message}{at}"]
        if [one.message for one in self.findings] != [self.message]:
            for one in self.findings[:_TOLD]:
                told.append(f"  {one.where}: {one.message}" if one.where else f"  {one.message}")
                told += [f"      {one.hint}"] if one.hint else []
        if len(self.findings) > _TOLD:
            told.append(f"  and {len(self.findings) - _TOLD} more in `findings`")
        is_said = any(one.hint == self.hint for one in self.findings) and len(told) > 1
        return "\n".join([*told, *([f"hint: {self.hint}"] if self.hint and not is_said else [])])

    def to_json(self) -> dict[str, object]:
        """Return the error as the ``application/problem+json`` members ketch uses."""
        body: dict[str, object] = {
            "title": self.message,
            "status": self.http_status,
            "code": self.code,
        }
        if self.where:
            body["where"] = self.where
        if self.hint:
            body["hint"] = self.hint
        if self.findings:
            body["findings"] = [finding.to_json() for finding in self.findings]
        return body


class UsageError(KetchError):
    """The request is wrong; the same request will always be wrong."""

    code = "usage/error"
    exit_status = 2
    http_status = 400


class NotFound(KetchError):
    """There is no such package, version, file or unit."""

    code = "ketch/not-found"
    exit_status = 2
    http_status = 404


class PackageError(KetchError):
    """The bytes of a package are wrong."""

    code = "package/invalid"
    http_status = 422


class ManifestError(PackageError):
    """A package breaks the format."""

    code = "package/manifest"


class DigestMismatch(PackageError):
    """Content is not what its digest says."""

    code = "package/digest-mismatch"


class Refused(KetchError):
    """A rule says no; the findings say which, and what would change its mind."""

    code = "ketch/refused"
    http_status = 409


class PackageCodeError(KetchError):
    """The package's own code raised.

    Args:
        message: ``TypeName: message`` of what was raised.
        traceback: The traceback, as the package's Python prints it.
        refusal: Whether the code raised ``ValueError`` (or a subclass): the package's
            way of saying that an input is wrong. Anything else is a crash.
        trace: What the steps had returned before, when they were traced.

    Attributes:
        printed: The last lines that the package had printed.
    """

    code = "package-code/raised"

    def __init__(
        self,
        message: str,
        *,
        traceback: str = "",
        refusal: bool = False,
        trace: Sequence[Mapping[str, object]] = (),
        code: str | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, code=code, where=where, hint=hint)
        self.traceback = traceback
        self.is_refusal = refusal
        self.trace = tuple(trace)
        self.printed = ""

    def __str__(self) -> str:
        """Return all of it, with where in the package's code it came from."""
        said = super().__str__()
        if self.traceback:
            said = f"{said}\n\nin the package:\n{_shown(self.traceback)}".rstrip()
        return f"{said}\n\nit had printed:\n{_shown(self.printed)}" if self.printed else said


class Unavailable(KetchError):
    """The network, a disk or a worker did not answer; trying again may help."""

    code = "ketch/unavailable"
    exit_status = 3
    http_status = 503
