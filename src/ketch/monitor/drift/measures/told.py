"""How shares and values are written for people."""

from __future__ import annotations

from ketch.tables.frequent import Plain

_LONGEST = 24


def percent(share: float) -> str:
    """Return a share as people read it: ``0.2 %``, ``12 %``."""
    digits = 0 if share in (0, 1) or share >= 0.1 else 1 if share >= 0.001 else 3
    return f"{100 * share:.{digits}f} %"


def short(value: Plain) -> str:
    """Return a value as text of at most 24 characters."""
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
