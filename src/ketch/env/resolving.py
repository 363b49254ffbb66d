"""Resolving: from what a package asks for to its lock.

uv resolves once for every platform and for the one Python of the package, from wheels, and
writes a hash for every file. What can never apply to that Python is left out, so that a
lock reads as what it installs.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from packaging.markers import Marker, UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from ketch.env.interpreters import Interpreter, find_python
from ketch.env.lines import logical_lines
from ketch.env.lock import Lock, LockedPackage, make_lock
from ketch.env.one_python import LATER, for_one_python, without_python
from ketch.env.requirements import Requirements
from ketch.env.uv import Progress, SourceBuilds, run_uv, wheel_options
from ketch.errors import Finding, ManifestError, Refused, Unavailable
from ketch.files import temporary_folder

_FORM = ("--quiet", "--no-header", "--no-annotate")
_PLATFORMS = (
    ("posix", "linux", "Linux", "x86_64"),
    ("posix", "linux", "Linux", "aarch64"),
    ("posix", "darwin", "Darwin", "x86_64"),
    ("posix", "darwin", "Darwin", "arm64"),
    ("nt", "win32", "Windows", "AMD64"),
    ("nt", "win32", "Windows", "ARM64"),
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Resolving:
    """How to resolve.

    Attributes:
        source_builds: What may be built from source.
        universal: Resolve for every platform, not for this one alone.
        upgrade: Take the newest versions, whatever the existing lock holds.
        lowest: Of what is asked for itself, take the oldest versions that fit.
        offline: Ask uv's cache only.
        not_after: Take only files that the index had at this moment.
        existing: A lock whose versions, and Python, are kept where they still satisfy.
        progress: Is told what uv does.
    """

    source_builds: SourceBuilds = False
    universal: bool = True
    upgrade: bool = False
    lowest: bool = False
    offline: bool = False
    not_after: datetime | None = None
    existing: Lock | None = None
    progress: Progress | None = None


def resolve(requirements: Requirements, python: str, how: Resolving | None = None) -> Lock:
    """Return the lock for some requirements.

    Args:
        requirements: What to lock, without findings.
        python: The Python wanted, such as ``3.11`` or ``3.11.7``.
        how: Options; each has a default.

    Raises:
        Refused: ``env/requirements`` (the findings say what is wrong with them),
            ``env/python-request``, ``env/no-solution``, ``env/no-wheel``,
            ``env/hash-mismatch`` or ``env/uv-lock-stale``.
        Unavailable: Python or the index cannot be reached.
    """
    how = how or Resolving()
    blocking = [finding for finding in requirements.findings if finding.blocks]
    if blocking:
        raise Refused(
            "the requirements cannot be locked", code="env/requirements", findings=blocking
        )
    interpreter = _choose_python(python, how)
    _check_python(requirements, interpreter.version)
    packages = _resolve_packages(requirements, interpreter, how)
    inputs = requirements.digest(python, source_builds=how.source_builds)
    lock = make_lock(
        interpreter.version,
        _keep_hashes(_prune(packages, interpreter.version), requirements),
        source_builds=how.source_builds,
        inputs=inputs,
    )
    return Lock.parse(str(lock))  # what uv wrote is held to our grammar too


def _choose_python(python: str, how: Resolving) -> Interpreter:
    """Return the interpreter; the release of the existing lock if it is here and fits."""
    kept = how.existing.python if how.existing is not None and not how.upgrade else None
    if kept is not None and f"{kept}.".startswith(f"{python}."):
        try:
            return find_python(kept, offline=True)
        except Unavailable:
            pass  # another release of the same Python does as well
    return find_python(python, offline=how.offline)


def _check_python(requirements: Requirements, version: str) -> None:
    allowed = requirements.requires_python
    if allowed is not None and version not in SpecifierSet(allowed):
        raise Refused(
            f"expected a Python in `{allowed}`, found `{version}`",
            code="env/python-request",
            where=f"{requirements.source}: project.requires-python",
            hint="change `[environment] python` in ketch.toml",
        )


def _resolve_packages(
    requirements: Requirements, interpreter: Interpreter, how: Resolving
) -> list[LockedPackage]:
    with temporary_folder("ketch-lock-") as folder:
        output = folder / "output.txt"
        if requirements.uv_lock is not None:
            _export(requirements.uv_lock, interpreter, output, how.progress)
            pinned = list(_read_output(output, requirements))
            if all(package.hashes for package in pinned):
                return pinned
            # A folder of wheels, and some indexes, give uv.lock no hashes: ask for them.
            requirements = replace(requirements, lines=tuple(map(_pin, pinned)), constraints=())
        if not requirements.lines:
            return []
        _compile(requirements, interpreter, output, how)
        return list(_read_output(output, requirements))


def _pin(package: LockedPackage) -> str:
    marker = f" ; {package.marker}" if package.marker else ""
    return f"{package.name}=={package.version}{marker}"


def _export(
    uv_lock: Path, interpreter: Interpreter, output: Path, progress: Progress | None
) -> None:
    """Write what ``uv.lock`` pins; it never needs the network."""
    arguments = ["export", *_FORM, "--locked", "--no-dev", "--no-emit-project"]
    arguments += ["--format", "requirements-txt", "--python", str(interpreter.path)]
    run_uv(
        [*arguments, "--output-file", output],
        offline=True,
        folder=uv_lock.parent,
        progress=progress,
    )


def _compile(
    requirements: Requirements, interpreter: Interpreter, output: Path, how: Resolving
) -> None:
    wanted, limits = output.with_name("wanted.txt"), output.with_name("limits.txt")
    lines = list(requirements.lines)
    if how.universal:
        lines = for_one_python(lines, interpreter.version, output.parent)
    wanted.write_text("\n".join([*lines, ""]), "utf-8")
    limits.write_text("\n".join([*requirements.constraints, ""]), "utf-8")
    if how.existing is not None and not how.upgrade:
        # uv keeps the versions it finds in the output of an earlier run.
        output.write_text(str(how.existing), "utf-8")
    arguments = ["pip", "compile", *_FORM, "--generate-hashes", "--no-emit-index-url"]
    arguments += ["--python", str(interpreter.path), "--constraint", str(limits)]
    arguments += ["--universal", "--no-emit-package", LATER] if how.universal else []
    arguments += ["--upgrade"] if how.upgrade else []
    arguments += ["--resolution", "lowest-direct"] if how.lowest else []
    arguments += ["--exclude-newer", how.not_after.isoformat()] if how.not_after else []
    arguments += wheel_options(how.source_builds)
    run_uv(
        [*arguments, "--output-file", output, wanted],
        offline=how.offline,
        progress=how.progress,
    )


def _read_output(output: Path, requirements: Requirements) -> Iterator[LockedPackage]:
    """Read what uv wrote.

    Raises:
        ManifestError: a ``uv.lock`` pins a checkout, a path or a URL.
    """
    findings = []
    for _, line in logical_lines(output.read_text("utf-8")):
        requirement = _parse(line.split("--hash=")[0])
        if requirement is None or requirement.url is not None:
            message = f"expected a version from the index, found `{line[:120]}`"
            findings.append(Finding("env/url-requirement", message, requirements.source))
            continue
        version = str(requirement.specifier).removeprefix("==")
        marker = str(requirement.marker).replace('"', "'") if requirement.marker else ""
        name = canonicalize_name(requirement.name)
        yield LockedPackage(name, version, marker, tuple(_HASH.findall(line)))
    if findings:
        raise ManifestError(
            "the requirements hold more than versions from an index",
            code="env/requirements",
            where=requirements.source,
            findings=findings,
        )


def _parse(line: str) -> Requirement | None:
    try:
        return Requirement(line.strip())
    except InvalidRequirement:
        return None


def _prune(packages: Iterable[LockedPackage], python: str) -> Iterator[LockedPackage]:
    """Leave out what applies nowhere on this Python, and conditions that always hold on it."""
    for package in packages:
        answers = _answers(package.marker, python)
        if not any(answers):
            continue
        marker = without_python(package.marker, python)
        speaks_of_python_only = not re.search(r"\b(platform|sys|os)_", marker)
        marker = "" if all(answers) and speaks_of_python_only else marker
        yield LockedPackage(package.name, package.version, marker, package.hashes)


def _answers(marker: str, python: str) -> list[bool]:
    """Evaluate a marker for CPython of a version on every platform we know."""
    if not marker:
        return [True] * len(_PLATFORMS)
    parsed = Marker(marker)
    answers = []
    for os_name, sys_platform, platform_system, machine in _PLATFORMS:
        environment = {
            "implementation_name": "cpython",
            "implementation_version": python,
            "os_name": os_name,
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_system": platform_system,
            "python_full_version": python,
            "python_version": python.rpartition(".")[0],
            "sys_platform": sys_platform,
        }
        try:
            answers.append(parsed.evaluate(environment))
        except UndefinedComparison:  # it compares something no one can compare: let uv judge
            answers.append(True)
    return answers


def _keep_hashes(
    packages: Iterable[LockedPackage], requirements: Requirements
) -> Iterator[LockedPackage]:
    """Keep only the files the author allowed, where the author named some."""
    for package in packages:
        allowed = requirements.hashes.get(package.name)
        kept = package.hashes if allowed is None else tuple(set(package.hashes) & allowed)
        if not kept:
            raise Refused(
                f"expected one of the hashes given for `{package.name}`, found other files"
                f" for `{package.version}`",
                code="env/hash-mismatch",
                where=requirements.source,
            )
        yield LockedPackage(package.name, package.version, package.marker, kept)
