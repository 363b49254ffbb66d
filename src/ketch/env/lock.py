r"""The lock: every distribution of an environment, exactly.

::

    # ketch lock 1
    # python 3.11.7
    # inputs sha256:1b07…
    six==1.16.0 ; sys_platform == 'linux' \
        --hash=sha256:1e61…  \
        --hash=sha256:8abb…

That is the whole grammar: ``requirements.txt`` as pip and uv read it, without anything
that could fetch, run or include something else. A lock names no index, no URL and no path,
so it means the same on every machine, and a hostile one can name nothing but versions.
It is read strictly and in one form only: ``str(Lock.parse(text)) == text``.

A lock holds for every platform; markers say which distributions belong where. ``inputs``
is the digest of what it was made from, and the only line that the digest of the lock
leaves out: two ways to ask for the same environment get the same environment.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ketch.env.uv import SourceBuilds
from ketch.errors import Finding, ManifestError
from ketch.files import read_file, write_whole
from ketch.package.digest import Digest

LOCK_FILE = "requirements.lock"
"""The lock's name in a package's folder."""

LONGEST_LOCK = 8 << 20  # bytes; 300 distributions with 60 hashes each take 1.5 MB
_HEADER = "# ketch lock 1"
_PYTHON = re.compile(r"# python (3\.[0-9]{1,2}\.[0-9]{1,2})")
_INPUTS = re.compile(r"# inputs (sha256:[0-9a-f]{64})")
_BUILDS = re.compile(r"# source-builds (all|[a-z0-9-]+(?:, [a-z0-9-]+)*)")
# No character of a marker may end a line, begin a comment or be expanded by uv.
_PACKAGE = re.compile(
    r"(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)==(?P<version>[0-9][0-9a-z.!+]{0,127})"
    r"(?: ; (?P<marker>[A-Za-z0-9 _.'\"()=<>!~*+-]{1,1000}))? \\"
)
_HASH = re.compile(r"    --hash=sha256:(?P<hex>[0-9a-f]{64})(?P<more> \\)?")
_MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True, order=True)
class LockedPackage:
    """One distribution at one version.

    Attributes:
        name: Normalised name, as PyPA defines it.
        version: Normalised version.
        marker: Where it belongs, as PEP 508 writes it; empty means everywhere.
        hashes: SHA-256 of every file of that version, as hex, sorted.
    """

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        condition = f" ; {self.marker}" if self.marker else ""
        hashes = " \\\n".join(f"    --hash=sha256:{one}" for one in self.hashes)
        return f"{self.name}=={self.version}{condition} \\\n{hashes}"


@dataclass(frozen=True, slots=True)
class Lock:
    """Everything an environment is made from.

    Attributes:
        python: The exact Python release, such as ``3.11.7``.
        packages: The distributions, sorted, each once.
        source_builds: What may be built from source: the environment is then only as
            reproducible as those builds.
        inputs: Digest of what the lock was made from; None when it no longer matters.
    """

    python: str
    packages: tuple[LockedPackage, ...] = ()
    source_builds: SourceBuilds = False
    inputs: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, where: str = LOCK_FILE) -> Lock:
        """Read a lock.

        Args:
            text: The lock.
            where: What to call it in errors.

        Raises:
            ManifestError: ``env/lock``, with a finding for each line that is wrong.
        """
        reader = _Reader(text, where)
        header = reader.header()
        lock = make_lock(
            header.python,
            reader.packages(),
            source_builds=header.source_builds,
            inputs=header.inputs,
        )
        if not reader.findings and str(lock) != text:
            reader.find(1, "expected entries sorted, each once, and one newline at the end")
        if reader.findings:
            raise ManifestError(
                f"expected a lock as ketch writes it: {reader.findings[0].message}",
                code="env/lock",
                where=reader.findings[0].where,
                hint="delete it; `ketch pack` makes it again",
                findings=reader.findings,
            )
        return lock

    @property
    def digest(self) -> Digest:
        """The identity of the environment this lock makes; ``inputs`` is not part of it."""
        return Digest.of(str(self.without_inputs()).encode())

    def without_inputs(self) -> Lock:
        """Return the lock as packages carry it, independent of how it was asked for."""
        return replace(self, inputs=None)

    def __str__(self) -> str:
        lines = [_HEADER, f"# python {self.python}"]
        if self.inputs is not None:
            lines.append(f"# inputs {self.inputs}")
        if self.source_builds:
            named = self.source_builds if isinstance(self.source_builds, tuple) else ("all",)
            lines.append(f"# source-builds {', '.join(named)}")
        return "\n".join([*lines, *(str(package) for package in self.packages), ""])


def make_lock(
    python: str,
    packages: Iterable[LockedPackage],
    *,
    source_builds: SourceBuilds = False,
    inputs: Digest | None = None,
) -> Lock:
    """Return a lock with everything in its one order."""
    merged: dict[tuple[str, str, str], set[str]] = {}
    for package in packages:
        key = (package.name, package.version, package.marker)
        merged.setdefault(key, set()).update(package.hashes)
    ordered = [LockedPackage(*key, tuple(sorted(merged[key]))) for key in sorted(merged)]
    if not isinstance(source_builds, bool):
        source_builds = tuple(sorted({canonicalize_name(name) for name in source_builds}))
    return Lock(python, tuple(ordered), source_builds or False, inputs)


def read_lock(folder: Path) -> Lock | None:
    """Return the lock in a package's folder, or None when there is none.

    Raises:
        ManifestError: it is not a lock.
    """
    try:
        content = read_file(folder / LOCK_FILE, most=LONGEST_LOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.EOVERFLOW:
            raise
        message = f"expected at most {LONGEST_LOCK} bytes, found more"
        raise ManifestError(message, code="env/lock", where=LOCK_FILE) from error
    try:
        return Lock.parse(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ManifestError("expected UTF-8", code="env/lock", where=LOCK_FILE) from error


def write_lock(folder: Path, lock: Lock) -> Path:
    """Write the lock into a package's folder, whole or not at all; return its path."""
    path = folder / LOCK_FILE
    write_whole(path, str(lock).encode())
    return path


@dataclass(frozen=True, slots=True)
class _Header:
    python: str = ""
    source_builds: SourceBuilds = False
    inputs: Digest | None = None


class _Reader:
    """Reads a lock line by line, and gathers what is wrong."""

    def __init__(self, text: str, where: str) -> None:
        self.findings: list[Finding] = []
        self._where = where
        self._at = 0
        # Only a line feed ends a line, for uv as for us.
        self._lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n"):
            self.find(len(self._lines), "expected a newline at the end")

    def find(self, line: int, message: str) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(Finding("env/lock", message, f"{self._where}:{line}"))

    def header(self) -> _Header:
        if self._next() != _HEADER:
            self.find(1, f"expected `{_HEADER}`")
        python = self._header_line(_PYTHON)
        if python is None:
            self.find(self._at + 1, "expected `# python <exact version>`")
        inputs = self._header_line(_INPUTS)
        builds = self._header_line(_BUILDS)
        return _Header(
            python or "",
            _source_builds(builds),
            Digest.parse(inputs) if inputs is not None else None,
        )

    def packages(self) -> Iterator[LockedPackage]:
        while (line := self._next()) is not None:
            match = _PACKAGE.fullmatch(line)
            if match is None:
                self.find(self._at, f"expected `name==version \\`, found `{line[:80]!a}`")
                continue
            self._check(match)
            hashes = tuple(self._hashes())
            yield LockedPackage(match["name"], match["version"], match["marker"] or "", hashes)

    def _check(self, match: re.Match[str]) -> None:
        try:
            if str(Version(match["version"])) != match["version"]:
                self.find(self._at, f"expected a normalised version, found `{match['version']}`")
        except InvalidVersion as error:
            self.find(self._at, str(error).splitlines()[0][:200])
        if match["marker"] is not None:
            self._check_marker(match["marker"])

    def _check_marker(self, text: str) -> None:
        # Their grammar costs 15 ms to import, and few locks have any.
        from packaging.markers import InvalidMarker, Marker

        try:
            Marker(text)
        except (InvalidMarker, RecursionError) as error:
            self.find(self._at, str(error).splitlines()[0][:200])

    def _hashes(self) -> Iterator[str]:
        more = True
        while more:
            line = self._next()
            match = _HASH.fullmatch(line) if line is not None else None
            if match is None:
                self.find(
                    self._at, f"expected `    --hash=sha256:<64 hex digits>`, found `{line!a:.80}`"
                )
                return
            yield match["hex"]
            more = match["more"] is not None

    def _header_line(self, pattern: re.Pattern[str]) -> str | None:
        """Read the next line if it is the one looked for."""
        match = pattern.fullmatch(self._peek() or "")
        if match is None:
            return None
        self._at += 1
        return match[1]

    def _peek(self) -> str | None:
        return self._lines[self._at] if self._at < len(self._lines) else None

    def _next(self) -> str | None:
        line = self._peek()
        self._at += 1
        return line


def _source_builds(text: str | None) -> SourceBuilds:
    if text is None:
        return False
    return True if text == "all" else tuple(text.split(", "))
