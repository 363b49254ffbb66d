"""Names, versions, stages and references: how a package is called.

=========================  ==============================================================
``recommender:1.0``        a version; it never changes meaning
``recommender@staging``    whatever stands on a stage now
``recommender@sha256:…``   exactly these bytes
``recommender``            no choice; accepted only where there is nothing to choose
=========================  ==============================================================

Both grammars are the stricter of two worlds: what a person can read aloud and type in a
shell, and what an OCI registry accepts as a repository name and as a tag.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import total_ordering
from typing import Self

from packaging.version import InvalidVersion, Version

from ketch.errors import Finding, ManifestError, UsageError
from ketch.package.digest import Digest
from ketch.package.paths import printable
from ketch.schema.nearest import nearest

NAME_PATTERN = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
"""One component of an OCI repository name (distribution-spec, "Pulling manifests")."""

VERSION_PATTERN = (
    r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*(?:(?:a|b|rc)(?:0|[1-9][0-9]*))?"
    r"(?:\.post(?:0|[1-9][0-9]*))?(?:\.dev(?:0|[1-9][0-9]*))?"
)
"""A version in its normal form (PEP 440, appendix B), without epoch and local part."""

LONGEST_NAME = 64
LONGEST_VERSION = 128  # an OCI tag holds no more

_NAME = re.compile(NAME_PATTERN)
_NAME_RULE = "lowercase letters and digits, joined by `.`, `_` or `-`"
_VERSION_RULE = 'a version such as "1.0.0"'


class Stage(StrEnum):
    """Where a version stands."""

    DEV = "dev"
    STAGING = "staging"
    LIMITED = "limited"
    PROD = "prod"


_STAGES = tuple(Stage)  # Python 3.11 cannot ask an enum whether it holds a string


@dataclass(frozen=True, slots=True, order=True)
class PackageName:
    """The name of a package: at most 64 of ``a-z 0-9 . _ -``, such as ``top-sellers``.

    ``PackageName.parse(str(n)) == n`` for every name ``n``.
    """

    text: str

    @classmethod
    def parse(cls, text: str, *, where: str | None = None) -> Self:
        """Read a name.

        Raises:
            UsageError: ``text`` is no name; the hint is the nearest one that is.
        """
        _raise_first(check_name(text, where=where))
        return cls(text)

    def __str__(self) -> str:
        return self.text


@total_ordering
@dataclass(frozen=True, slots=True)
class PackageVersion:
    """The version of a package: PEP 440 in its normal form, without epoch or local part.

    ``1.0`` and ``1.0.0`` are two versions, for a version is also a tag and a tag is text.
    Versions sort as PEP 440 says, so ``1.10`` comes after ``1.9`` and ``2.0rc1`` before ``2.0``.
    ``PackageVersion.parse(str(v)) == v`` for every version ``v``.
    """

    text: str

    @classmethod
    def parse(cls, text: str, *, where: str | None = None) -> Self:
        """Read a version.

        Raises:
            UsageError: ``text`` is no version, or not in its normal form.
        """
        _raise_first(check_version(text, where=where))
        return cls(text)

    def __str__(self) -> str:
        return self.text

    def __lt__(self, other: Self) -> bool:
        return (Version(self.text), self.text) < (Version(other.text), other.text)


@dataclass(frozen=True, slots=True)
class Reference:
    """A package as a person names it: ``name:version``, ``name@stage`` or ``name@digest``.

    ``Reference.parse(str(r), bare=True) == r`` for every reference ``r``.

    Attributes:
        name: The package.
        choice: Which of its versions; ``None`` when the text was a bare name.
    """

    name: PackageName
    choice: PackageVersion | Digest | Stage | None = None

    @classmethod
    def parse(cls, text: str, *, bare: bool = False) -> Self:
        """Read a reference.

        Args:
            text: What a person typed; surrounding spaces are an error too.
            bare: Whether a name without a choice is enough here.

        Raises:
            UsageError: ``text`` is no reference (code ``reference/syntax``), or a
                bare name where a choice matters (code ``reference/bare``).
        """
        name, mark, choice = _split(text)
        _refuse(text, check_name(name))
        named = PackageName(name)
        if mark == ":":
            return cls(named, _version(text, name, choice))
        if mark == "@":
            return cls(named, _digest_or_stage(text, name, choice))
        if not bare:
            raise UsageError(
                f"expected a version, a stage or a digest after `{name}`, found nothing",
                code="reference/bare",
                hint=f"write `{name}:VERSION`, `{name}@prod` or `{name}@sha256:…`",
            )
        return cls(named)

    @property
    def version(self) -> PackageVersion | None:
        """The version, when the reference names one."""
        return self.choice if isinstance(self.choice, PackageVersion) else None

    @property
    def digest(self) -> Digest | None:
        """The digest, when the reference names one."""
        return self.choice if isinstance(self.choice, Digest) else None

    @property
    def stage(self) -> Stage | None:
        """The stage, when the reference names one."""
        return self.choice if isinstance(self.choice, Stage) else None

    def __str__(self) -> str:
        if self.choice is None:
            return str(self.name)
        mark = ":" if isinstance(self.choice, PackageVersion) else "@"
        return f"{self.name}{mark}{self.choice}"


def check_name(text: str, *, where: str | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with a package name, code ``package/name-syntax``."""
    if len(text) <= LONGEST_NAME and _NAME.fullmatch(text):
        return ()
    if len(text) > LONGEST_NAME:
        message = f"expected a name of at most {LONGEST_NAME} characters, found {len(text)}"
    else:
        message = f"expected a name of {_NAME_RULE}, found `{printable(text)}`"
    return (Finding("package/name-syntax", message, where, _name_hint(text)),)


def check_version(text: str, *, where: str | None = None) -> tuple[Finding, ...]:
    """Return what is wrong with a package version, code ``package/version-syntax``."""
    shown = printable(text)
    version = _read_version(text)
    if version is None:
        message, hint = f"expected {_VERSION_RULE}, found `{shown}`", None
    elif version.local is not None or version.epoch:
        message = f"expected a version without `+…` or `…!`, found `{shown}`"
        hint = f"did you mean `{version.public.rpartition('!')[2]}`?"
    elif str(version) != text:
        message = f"expected a version in its normal form, found `{shown}`"
        hint = f"did you mean `{version}`?"
    else:
        return ()
    return (Finding("package/version-syntax", message, where, hint),)


def _read_version(text: str) -> Version | None:
    # The length goes first: Python refuses to read integers of thousands of digits.
    if len(text) > LONGEST_VERSION or not text.isascii():
        return None
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _split(text: str) -> tuple[str, str, str]:
    """Cut a reference at its first ``:`` or ``@``."""
    cut = re.search("[:@]", text)
    return (text[: cut.start()], cut[0], text[cut.end() :]) if cut else (text, "", "")


def _version(text: str, name: str, choice: str) -> PackageVersion:
    findings = check_version(choice)
    if findings and name == "sha256":
        _refuse(text, findings, hint="put the package's name before it: `NAME@sha256:…`")
    if findings and "@" in choice:
        _refuse(text, findings, hint="choose a version or a digest, not both")
    if findings and choice in _STAGES:
        _refuse(text, findings, hint=f"did you mean `{name}@{choice}`?")
    _refuse(text, findings)
    return PackageVersion(choice)


def _digest_or_stage(text: str, name: str, choice: str) -> Digest | Stage:
    if choice in _STAGES:
        return Stage(choice)
    try:
        return Digest.parse(choice)
    except ManifestError as problem:
        message, hint = _neither(name, choice)
        raise UsageError(
            message, code="reference/syntax", where=printable(text), hint=hint
        ) from problem


def _neither(name: str, choice: str) -> tuple[str, str | None]:
    """Say what is wrong with text that is neither a digest nor a stage."""
    if choice.startswith("sha256:"):
        found = f"found {len(choice) - len('sha256:')} characters"
        hint = "a digest is written in full; `ketch inspect` prints it"
        return f"expected `sha256:` with 64 lowercase hex digits, {found}", hint
    stages = ", ".join(f"`{stage}`" for stage in _STAGES)
    message = f"expected a stage ({stages}) or a digest, found `{printable(choice)}`"
    if not check_version(choice):
        return message, f"did you mean `{name}:{choice}`?"
    near = nearest(choice, _STAGES)
    return message, f"did you mean `{name}@{near}`?" if near else None


def _refuse(text: str, findings: tuple[Finding, ...], *, hint: str | None = None) -> None:
    for finding in findings:
        raise UsageError(
            finding.message,
            code="reference/syntax",
            where=printable(text) or None,
            hint=hint or finding.hint,
        )


def _raise_first(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        raise UsageError(finding.message, code=finding.code, where=finding.where, hint=finding.hint)


def _name_hint(text: str) -> str | None:
    joined = re.sub(r"[^a-z0-9]+", "-", text[:200].lower()).strip("-")[:LONGEST_NAME].strip("-")
    return f"did you mean `{joined}`?" if joined else None
