"""The name a person probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_LONGEST = 128  # names are no longer; comparing hostile ones would cost seconds
_MOST = 500


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name closest to ``name``, or None when none is close.

    >>> nearest("custmer", ["customer", "country"])
    'customer'
    """
    if len(name) > _LONGEST:
        return None
    folded = {one.casefold(): one for one in islice(known, _MOST) if len(one) <= _LONGEST}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the closest known name, or None when none is close."""
    match = nearest(name, known)
    return f"did you mean `{match}`?" if match else None
