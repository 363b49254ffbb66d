"""The lines of a ``requirements.txt``: what pip reads, without what a package may not say.

A line names a distribution and its versions, and nothing about where it comes from: no
URL, no checkout, no folder of this machine, no index. Those are findings, each with what
to write instead.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ketch.errors import Finding
from ketch.files import read_file
from ketch.package.paths import printable

MOST_FILES = 100
LONGEST_REQUIREMENT = 10_000
LONGEST_FILE = 1 << 20  # a mebibyte of requirements is no longer something a person wrote

_INCLUDE = re.compile(
    r"(?P<option>-[rc]|--(?:requirement|constraint)(?=[=\s]))\s*=?\s*(?P<file>\S.*)"
)
_EDITABLE = re.compile(r"(-e|--editable)\b")
_CHECKOUT = re.compile(r"(git|hg|svn|bzr)\+", re.IGNORECASE)
_LOCAL = re.compile(r"(\.{0,2}/|~|\.\.?$|file:|[A-Za-z]:\\)|[^@]*(\.whl|\.zip|\.tar\.(gz|bz2|xz))$")
_HASH = re.compile(r"--hash[=\s]\s*(\S+)")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BEFORE_OPTION = re.compile(r"(?<!\s)\s+(?=--)")  # from the first space: else it is quadratic
_COMMENT = re.compile(r"(^|\s)#.*")
_ALWAYS_SO = re.compile(r"--require-hashes|--only-binary[=\s]\s*:all:")
_USE_A_VERSION = "publish it on the index uv is configured for, and name it with a version"


@dataclass(slots=True)
class Gathered:
    """What was read so far; each reader adds to it."""

    lines: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    hashes: dict[str, frozenset[str]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def find(self, code: str, message: str, where: str, hint: str | None = None) -> None:
        """Add a finding."""
        self.findings.append(Finding(code, message, where, hint))

    def add(self, text: str, where: str, *, constraint: bool = False) -> None:
        """Read one requirement, as PEP 508 writes them, and keep it or say why not."""
        parsed = self._parse(text, where)
        if parsed is not None:
            parsed.name = canonicalize_name(parsed.name)
            kept = self.constraints if constraint else self.lines
            kept.append(str(parsed))
            self.places.setdefault(str(parsed), where)

    def _parse(self, text: str, where: str) -> Requirement | None:
        if _CONTROL.search(text):
            self.find("env/bad-requirement", "expected one line of plain text", where)
            return None
        if len(text) > LONGEST_REQUIREMENT:
            message = f"expected at most {LONGEST_REQUIREMENT} characters, found {len(text)}"
            self.find("env/bad-requirement", message, where)
            return None
        if _CHECKOUT.match(text):
            self._refuse_checkout(text, where)
            return None
        if "://" in text and not text.startswith("file:") and "@" not in text.partition("://")[0]:
            self._refuse_url(text, where)
            return None
        if _LOCAL.match(text):
            self._refuse_local(text, where)
            return None
        try:
            parsed = Requirement(text)
        except (InvalidRequirement, RecursionError) as error:
            found = f"`{_shown(text)}`: {printable(str(error).splitlines()[0])}"
            message = f"expected a requirement such as `numpy==2.4.6`, found {found}"
            self.find("env/bad-requirement", message, where)
            return None
        return self._without_url(parsed, text, where)

    def _without_url(self, parsed: Requirement, text: str, where: str) -> Requirement | None:
        if parsed.url is None:
            return parsed
        if _CHECKOUT.match(parsed.url):
            self._refuse_checkout(text, where)
        elif parsed.url.startswith("file:") or "://" not in parsed.url:
            self._refuse_local(text, where)
        else:
            self._refuse_url(text, where)
        return None

    def _refuse_checkout(self, text: str, where: str) -> None:
        message = f"expected a version, found a source checkout `{_shown(text)}`"
        self.find("env/vcs-requirement", message, where, _USE_A_VERSION)

    def _refuse_url(self, text: str, where: str) -> None:
        message = f"expected a version, found a URL `{_shown(text)}`"
        self.find("env/url-requirement", message, where, _USE_A_VERSION)

    def _refuse_local(self, text: str, where: str) -> None:
        message = f"expected a version, found a path on this machine `{_shown(text)}`"
        hint = f"{_USE_A_VERSION}; or copy the code into the package"
        self.find("env/local-requirement", message, where, hint)


def _hint_for(option: str) -> str:
    """Return what to do instead of giving an option to pip."""
    name = re.split(r"[=\s]", option)[0]
    if name in {"--no-binary", "--only-binary", "--prefer-binary"}:
        return "only wheels are taken, unless `[environment] allow_source_builds` names others"
    if name == "--pre":
        return "name the pre-release itself, such as `name>=2.0rc1`"
    return "configure uv instead: a package names no index and no installer options"


def _shown(text: str) -> str:
    """Return a URL without the password someone may have put into it."""
    return printable(re.sub(r"//[^/@\s]*@", "//…@", text))


@dataclass(frozen=True, slots=True)
class LineReader:
    """Reads requirement files of one folder, following ``-r`` and ``-c`` inside it.

    Attributes:
        root: The folder, resolved; no file outside it is opened.
        gathered: Where the results go.
    """

    root: Path
    gathered: Gathered

    def read(self, path: Path, *, constraint: bool = False, where: str | None = None) -> None:
        """Read one file, once; ``where`` names the line that asked for it."""
        real = _resolved(path)
        if real is None or not real.is_relative_to(self.root):
            message = f"expected a file inside the package's folder, found `{path.name}` outside"
            self.gathered.find("env/include-outside", message, where or path.name)
            return
        name = real.relative_to(self.root).as_posix()
        if name in self.gathered.files:
            return
        if len(self.gathered.files) == MOST_FILES:
            message = f"expected at most {MOST_FILES} files of requirements, found more"
            self.gathered.find("env/unreadable-file", message, where or name)
        if len(self.gathered.files) >= MOST_FILES:
            return
        text = read_text(real, where or name, self.gathered)
        if text is None:
            return
        self.gathered.files.append(name)
        for number, line in logical_lines(text):
            self.read_line(line, real.parent, f"{name}:{number}", constraint=constraint)

    def read_line(self, line: str, folder: Path, where: str, *, constraint: bool = False) -> None:
        """Read one line without its comment; ``folder`` is where ``-r`` starts from."""
        found = self.gathered
        include = _INCLUDE.fullmatch(line)
        if include is not None:
            limits = constraint or include["option"].strip("-").startswith("c")
            self.read(folder / include["file"].strip("'\""), constraint=limits, where=where)
        elif _EDITABLE.match(line):
            message = f"expected a version, found an editable install `{_shown(line)}`"
            hint = f"{_USE_A_VERSION}; or copy the code into the package"
            found.find("env/editable-requirement", message, where, hint)
        elif line.startswith("-"):
            if not _ALWAYS_SO.fullmatch(line):
                message = f"expected a requirement, found an option `{_shown(line)}`"
                found.find("env/option", message, where, _hint_for(line))
        else:
            self._read_requirement(line, where, constraint=constraint)

    def _read_requirement(self, line: str, where: str, *, constraint: bool) -> None:
        text, *options = _BEFORE_OPTION.split(line)
        hashes = set()
        for option in options:
            match = _HASH.fullmatch(option)
            if match is not None and re.fullmatch(r"sha256:[0-9a-f]{64}", match[1]):
                hashes.add(match[1].removeprefix("sha256:"))
            else:
                message = f"expected `--hash=sha256:…`, found `{option[:80]}`"
                self.gathered.find("env/option", message, where)
        self.gathered.add(text, where, constraint=constraint)
        if hashes:
            name = canonicalize_name(re.split(r"[^A-Za-z0-9._-]", text)[0])
            known = self.gathered.hashes.get(name, frozenset())
            self.gathered.hashes[name] = known | hashes


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # no such name, or a loop of links
        return None


def read_text(path: Path, where: str, gathered: Gathered) -> str | None:
    """Return the text of a file a person wrote, or None after saying what is wrong with it."""
    try:
        content = read_file(path, most=LONGEST_FILE)
    except OSError as error:
        reason = error.strerror or "no such file"
        gathered.find(
            "env/unreadable-file", f"expected a file, found `{path.name}`: {reason}", where
        )
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        message = f"expected UTF-8, found other bytes in `{path.name}`"
        gathered.find("env/unreadable-file", message, where, "save the file as UTF-8")
        return None


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    r"""Yield number and text of each line, continued ones joined, comments taken off.

    >>> list(logical_lines("six \\\n  ==1.16.0  # old\n\n# note\n"))
    [(1, 'six   ==1.16.0')]
    """
    start, parts = 1, list[str]()
    for number, line in enumerate(text.split("\n"), start=1):
        bare = line.rstrip("\r")
        if not parts:
            start = number
        if bare.endswith("\\") and not bare.lstrip().startswith("#"):
            parts.append(bare[:-1])
            continue
        joined = _COMMENT.sub("", "".join([*parts, bare])).strip()
        parts = []
        if joined:
            yield start, joined
    rest = _COMMENT.sub("", "".join(parts)).strip()
    if rest:
        yield start, rest
