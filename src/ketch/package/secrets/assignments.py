"""Secrets without a mark of their own: found by the name a value is given to.

``password = "…"`` is taken at its word. Names such as ``token`` or ``api_key`` are common
in honest files (vocabularies, schemas), so there the value must also look random: long,
letters with digits, no words joined by hyphens, no digest, no UUID.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_WORDS = (
    r"pass(?:word|wd|phrase)|secret|token|credential|(?:api|access|private|auth|account)[_-]?key"
)
_ASSIGNMENT = re.compile(
    rf"""
    (?P<word>{_WORDS})(?P<rest>[\w-]{{0,40}})
    (?P<key>["']?)\]?[ \t]{{0,20}}
    (?::[ \t]{{0,4}}(?:str|SecretStr)[ \t]{{0,4}})?     # an annotation
    (?:=>|[:=])[ \t]{{0,20}}
    (?: "(?P<double>[^"\n]{{1,400}})"
      | '(?P<single>[^'\n]{{1,400}})'
      | (?P<bare>[^\s"'#,;()\[\]{{}}<>]{{8,400}})(?=\s|$) )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORD = re.compile(_WORDS)

_SAYS_OTHERWISE = re.compile(
    r"(?:s|_?(?:ids?|names?|path|file|env|var|variable|url|uri|type|count|size|length|len|limit"
    r"|index|idx|field|column|header|prefix|suffix|hash|sha\d*|digest)|iz(?:er|e|ation)\w*)$",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"""
      \$ | \{\{ | \{\w*\} | <[^>]*> | %\( | %s | \.{3} | … | \*{3} | x{4}
    | example | change[-_ ]?me | placeholder | your[-_ ] | dummy | redacted | not[-_ ]?set
    | fixme | insert[-_ ]
    """,
    re.VERBOSE | re.IGNORECASE,
)
_USUAL_WORDS = frozenset(
    (
        *("none", "null", "true", "false", "password", "passwd", "passphrase", "secret"),
        *("token", "test", "pass", "user", "admin", "root", "postgres", "guest", "string"),
    )
)
_NOT_RANDOM = re.compile(
    r"""
      (?:sha\d+|md5|blake2\w?)[:=-].*                   # a digest that says so
    | [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}       # a UUID
    | .*\.(?:json|py|txt|csv|md|html|toml|ya?ml|pkl|bin|parquet|npz)   # a file
    | u?int\d+ | float\d+ | date\d+ | timestamp.*       # a type
    | (?:[A-Za-z]+|\d{1,4})(?:[-_./:](?:[A-Za-z]+|\d{1,4}))+   # words and numbers, joined
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_QUOTED_ONLY = (".py", ".json", ".jsonl", ".toml", ".md", ".rst", ".ipynb", ".js", ".html")


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value that its name gives away, and where in the text it starts."""

    start: int
    value: str


def named_secrets(text: str, path: str) -> Iterator[NamedValue]:
    """Yield the values in a text that look secret because of their name.

    Args:
        text: The content of a file.
        path: Its name; where strings are always quoted, a bare word is code or prose.
    """
    takes_bare = not path.lower().endswith(_QUOTED_ONLY)
    for match in _assignments(text):
        value = match["double"] or match["single"] or match["bare"]
        if match["bare"] and not (takes_bare and _is_mixed(value)):
            continue
        before = re.search(r"[\w-]{0,40}$", text[max(0, match.start() - 40) : match.start()])
        name = (before[0] if before else "") + match["word"] + match["rest"]
        if _SAYS_OTHERWISE.search(name) or is_placeholder(value):
            continue
        if match["word"].lower().startswith("pass"):
            found = _is_password(value, is_variable=not match["key"])
        else:
            found = looks_random(value)
        if found:
            yield NamedValue(match.end() - len(value) - (not match["bare"]), value)


def _assignments(text: str) -> Iterator[re.Match[str]]:
    """Yield what gives a value to such a name: first its word, for that is cheap to find."""
    folded = text.lower()
    if len(folded) != len(text):  # a letter whose small form is two
        folded = "".join(one.lower() if one.isascii() else one for one in text)
    end = 0
    for word in _WORD.finditer(folded):
        match = _ASSIGNMENT.match(text, word.start()) if word.start() >= end else None
        if match is not None:
            end = match.end()
            yield match


def is_placeholder(value: str) -> bool:
    """Whether a value stands for a secret without being one.

    >>> is_placeholder("${TOKEN}"), is_placeholder("<your key>"), is_placeholder("hunter22")
    (True, True, False)
    """
    return value.lower() in _USUAL_WORDS or _PLACEHOLDER.search(value) is not None


def looks_random(value: str) -> bool:
    """Whether a value is long and mixed enough to be a key, and is nothing else we know."""
    if len(value) < 16 or not value.isascii() or any(letter in value for letter in " \t\\"):
        return False
    return _is_mixed(value) and not _NOT_RANDOM.fullmatch(value) and _bits_per_letter(value) >= 3.0


def _is_password(value: str, *, is_variable: bool) -> bool:
    if len(value) < 6 or " " in value or _NOT_RANDOM.fullmatch(value):
        return False
    # A plain word given to a variable is a password; beside a key it may be its description.
    return _is_mixed(value) or (is_variable and len(value) >= 8 and value.isalpha())


def _is_mixed(value: str) -> bool:
    return any(letter.isalpha() for letter in value) and any(one.isdigit() for one in value)


def _bits_per_letter(value: str) -> float:
    """Return the Shannon entropy of the letters; 16 random hex digits have about 3.3 bits."""
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares)
