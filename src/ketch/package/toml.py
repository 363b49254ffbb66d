"""TOML that somebody else wrote, read within limits.

``tomllib`` has none: fifty thousand dots in one key take ten gigabytes.
"""

import re
import tomllib

MAX_BYTES = 4 * 1024 * 1024
"""The largest file; people write those."""

DEEPEST_KEY = 32
"""The most parts of one key, such as the two of ``package.name``."""

_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
# Where it stands does not matter: nobody writes so many words with a dot between each.
_DEEP = re.compile(rf"(?<![\w.-])(?:{_PART}[ \t]*\.[ \t]*){{{DEEPEST_KEY}}}")


def parse_toml(content: bytes) -> dict[str, object]:
    """Read a TOML document.

    Raises:
        ValueError: It is too large, not UTF-8, not TOML, nested too deep, or holds a number
            of more digits than Python reads.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes, found {len(content)}")
    text = content.decode("utf-8")
    if _DEEP.search(text):
        raise ValueError(f"expected keys of at most {DEEPEST_KEY} parts, found a longer one")
    try:
        return tomllib.loads(text)
    except RecursionError as problem:
        raise ValueError("expected less nesting") from problem
