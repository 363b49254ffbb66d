"""Secrets in files, found by their shape before they leave the machine.

A scan is a net, not a proof: it finds what is written plainly. It knows the tokens that
services mark themselves, private keys, addresses with a password in them, and values
given to names such as ``password`` or ``api_key``. Digests, revisions, UUIDs and encoded
data pass. What is found is never repeated beyond its first characters.

A false alarm is silenced by a person who has looked: by the remark ``ketch:
not-a-secret`` on the line, or, for a file that takes no remarks, such as JSON, by
``# ketch: not-a-secret model/words.json:3`` in ``ketch.toml``. It is told all the same.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import Finding
from ketch.package.manifest import FILE_NAME
from ketch.package.paths import printable
from ketch.package.secrets.assignments import is_placeholder, named_secrets
from ketch.package.secrets.shapes import SHAPES

SILENCER = "ketch: not-a-secret"
BYTES_READ = 2 << 20  # of each file; secrets stand in what people write, not in data
BYTES_LOOKED_AT = 8192  # to tell a text from the rest, of which there may be gigabytes
MOST_FINDINGS = 20  # of one file; more of them say nothing new

_KEY_FILES = re.compile(
    r"""
      \.env(?:\..+)? | .+\.env | id_(?:rsa|dsa|ecdsa|ed25519)
    | .+\.(?:pem|key|p12|pfx|ppk|kdbx?|jks|keystore|ovpn)
    | [._]netrc | \.pypirc | \.npmrc | \.dockercfg | \.htpasswd | \.pgpass | \.git-credentials
    | (?:aws_|application_default_)?credentials(?:\.(?:json|csv|toml|ya?ml|ini))?
    | secrets?\.(?:json|toml|ya?ml|ini)
    | (?:client_secret|service[-_]account).*\.json
    | kubeconfig
    """,
    re.VERBOSE | re.IGNORECASE,
)
_ADDRESS = re.compile(
    r"""
    (?<![A-Za-z0-9+.-])[a-z][a-z0-9+.-]{1,20}://
    [^\s:/@"'<>]{0,100}:(?P<password>[^\s/@"'<>]{1,200})@[^\s/]
    """,
    re.VERBOSE,
)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ELSEWHERE = re.compile(rf"# {SILENCER} (\S[^\r\n]*)")
_TAKES_REMARKS = (".py", ".toml", ".md", ".txt", ".yml", ".yaml", ".ini", ".cfg", ".sh")


@dataclass(frozen=True, slots=True)
class _Hit:
    """Something that looks secret, by its place in a text."""

    start: int
    end: int
    kind: str


def scan(folder: Path, files: Iterable[str]) -> tuple[Finding, ...]:
    """Return the secrets in files that would ship.

    Args:
        folder: The authored package.
        files: Paths relative to the folder, with ``/``. Binary files are looked at by
            name only, of a text the first 2 MiB are read.

    Returns:
        Findings ``package/secret-file`` and ``package/secret``; and, as advice,
        ``package/secret-silenced`` for each that a remark says is none.
    """
    findings: list[Finding] = []
    silenced = _silenced(_text_of(folder / FILE_NAME) or "")
    for path in files:
        if is_key_file(path):
            findings.append(_forbidden(path))
            continue
        text = _text_of(folder.joinpath(*path.split("/")))
        if text is not None:
            findings.extend(scan_text(text, path, silenced=silenced))
    return tuple(findings)


def scan_text(
    text: str, path: str, *, silenced: Collection[str] = frozenset()
) -> tuple[Finding, ...]:
    """Return the first 20 secrets in the text of a file.

    Args:
        text: The content of the file.
        path: What findings name.
        silenced: Places, such as ``model/words.json:3``, at which nothing is a secret.
    """
    findings: list[Finding] = []
    line, counted, end, blocking = 1, 0, 0, 0
    for hit in sorted(_hits(text, path), key=lambda hit: hit.start):
        if hit.start < end:  # the same place, seen as another kind
            continue
        line += text.count("\n", counted, hit.start)
        counted, end = hit.start, hit.end
        where = f"{path}:{line}"
        is_silenced = where in silenced or SILENCER in _line_at(text, hit.start)
        findings.append(_finding(hit, text, where, is_silenced=is_silenced))
        blocking += findings[-1].blocks
        if blocking == MOST_FINDINGS:
            break
    return tuple(findings)


def is_key_file(path: str) -> bool:
    """Whether a file's name says that it holds keys, such as ``.env`` or ``server.pem``."""
    return _KEY_FILES.fullmatch(path.rpartition("/")[2]) is not None


def _hits(text: str, path: str) -> Iterator[_Hit]:
    """Yield what looks secret, the surest kinds first."""
    for shape in SHAPES:
        if any(mark in text for mark in shape.marks):
            for match in shape.pattern.finditer(text):
                if "EXAMPLE" not in match[0]:
                    yield _Hit(match.start(), match.end(), shape.kind)
    if "://" in text:
        for match in _ADDRESS.finditer(text):
            if not is_placeholder(match["password"]):
                yield _Hit(match.start(), match.end(), "an address with a password")
    for named in named_secrets(text, path):
        yield _Hit(named.start, named.start + len(named.value), "a password or key")


def _silenced(declared: str) -> frozenset[str]:
    """Return the places of other files that remarks in ``ketch.toml`` name."""
    return frozenset(where.rstrip() for where in _ELSEWHERE.findall(declared))


def _finding(hit: _Hit, text: str, where: str, *, is_silenced: bool) -> Finding:
    secret = text[hit.start : hit.end]
    shown = printable(secret[: min(4, len(secret) // 4)])
    if is_silenced:
        message = f"what looks like {hit.kind} is marked as no secret: `{shown}…`"
        return Finding("package/secret-silenced", message, where, blocks=False)
    path = where.rpartition(":")[0]
    takes_remarks = path.lower().endswith(_TAKES_REMARKS)
    remark = "the line" if takes_remarks else f"it in {FILE_NAME}"
    of = "" if takes_remarks else f" {printable(where)}"
    return Finding(
        "package/secret",
        f"expected no secrets, found what looks like {hit.kind}: `{shown}…`",
        where,
        "if it was real, replace it where it is used; name the variable in "
        f"`[environment] secrets` and read it from there (or mark {remark}: `# {SILENCER}{of}`)",
    )


def _forbidden(path: str) -> Finding:
    name = printable(path.rpartition("/")[2])
    return Finding(
        "package/secret-file",
        f"expected no files that hold keys, found `{name}`",
        printable(path),
        "leave it out; name the variables in `[environment] secrets`",
    )


def _line_at(text: str, place: int) -> str:
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    return text[start : end if end >= 0 else len(text)]


def _text_of(path: Path) -> str | None:
    """Return the start of a text file; ``None`` for what is no regular file or no text."""
    try:
        if not path.is_file():  # of a pipe, the end may never come
            return None
        with path.open("rb") as file:
            content = file.read(BYTES_LOOKED_AT)
            is_wide = content.startswith(_UTF16)
            if b"\0" in content and not is_wide:
                return None
            content += file.read(BYTES_READ - len(content))
    except OSError:
        return None  # `check_folder` reports it
    if is_wide:
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8", errors="replace")
