"""Which components differ between who answered before and who answers since."""

from __future__ import annotations

from ketch.compare.diff import Diff, diff
from ketch.compare.diff.environment import Environments
from ketch.errors import KetchError
from ketch.package import Digest, PackageName, Reference
from ketch.runtime import Home

_RUNS = ("code", "environment", "params", "schema", "model")
_MOST = 3


def differing(home: Home, one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return in words which components of two packages differ, of those that answer.

    Args:
        home: Where the packages are, or the hub that has them.
        one: ``name:version``, and the digest.
        other: The same of the other one.

    Returns:
        A sentence; that they are not at hand, where they are not.
    """
    try:
        with home.look(_exactly(*one)) as a, home.look(_exactly(*other)) as b:
            found = diff(a, b)
    except KetchError:
        return "the packages are not at hand: what differs in them is not known"
    names = [part.name for part in found.components if not part.same and part.name in _RUNS]
    told = ", ".join(_named(found, name) for name in names)
    return f"they differ in {told or 'nothing that runs'}"


def _named(found: Diff, name: str) -> str:
    details = next(one.details for one in found.components if one.name == name)
    if not isinstance(details, Environments) or not details.libraries:
        return name
    told = [
        f"{one.name} {', '.join(one.a) or 'none'} → {', '.join(one.b) or 'none'}"
        for one in details.libraries[:_MOST]
    ]
    more = len(details.libraries) - len(told)
    return f"{name} ({', '.join(told)}{f' and {more} more libraries' if more else ''})"


def _exactly(package: str, digest: str) -> Reference:
    return Reference(PackageName(package.partition(":")[0]), Digest.parse(digest))
