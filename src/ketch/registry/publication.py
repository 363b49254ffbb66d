"""What may be said of versions: every decision a pure function, its answer an event to record.

A version is one digest for ever, and has an owner who answers for it. It is never deleted:
withdrawn, it stays, and is promoted no more.
"""

from __future__ import annotations

from collections.abc import Sequence

from ketch.errors import Refused, UsageError
from ketch.package import Digest, Package
from ketch.registry.events import Draft, Kind
from ketch.registry.sql.queries import Version


def publish(package: Package, owner: str | None) -> Draft:
    """Return the event that makes a version mean a digest.

    Args:
        package: The package, of a version that means nothing yet.
        owner: Who answers for packages of its name; None for the first of them.

    Raises:
        Refused: ``version/owner``: somebody else answers for packages of this name.
    """
    manifest = package.manifest
    name = str(manifest.name)
    if owner not in (None, manifest.owner):
        raise Refused(
            f"expected the owner `{owner}` in ketch.toml, found `{manifest.owner}`",
            code="version/owner",
            where=f"package:{name}",
            hint=f'write `owner = "{owner}"` and pack again; '
            f"or `ketch owner {name} {manifest.owner}` hands it over",
        )
    return Draft(
        Kind.PUBLISHED,
        f"package:{name}",
        {
            "name": name,
            "version": str(manifest.version),
            "digest": str(package.digest),
            "owner": manifest.owner,
            "size_bytes": package.size_bytes,
            "description": manifest.description,
            "route": manifest.route,
        },
    )


def require_same(known: Version, found: Digest) -> None:
    """Return when a version that was published before may be published again.

    Raises:
        Refused: ``version/taken``: it is another digest; ``version/withdrawn``.
    """
    if known.digest != found:
        raise taken(known, found)
    if known.withdrawn is not None:
        raise Refused(
            f"`{known.reference}` was withdrawn: {known.withdrawn}",
            code="version/withdrawn",
            hint="raise the version in ketch.toml and pack again",
        )


def taken(known: Version, found: Digest) -> Refused:
    """Return the error for a version that is published as another package."""
    return Refused(
        f"`{known.reference}` is `{known.digest}` for ever; found `{found}`",
        code="version/taken",
        where=f"package:{known.name}",
        hint="raise the version in ketch.toml and pack again",
    )


def withdraw(version: Version, answers_at: Sequence[str], *, reason: str) -> Draft:
    """Return the event after which a version is promoted no more.

    Args:
        version: The version.
        answers_at: Where it answers now, in words.
        reason: Why; it needs one.

    Raises:
        Refused: ``version/withdrawn``: it was before; ``version/in-use``: it answers.
        UsageError: ``registry/reason``.
    """
    require_reason(reason)
    if version.withdrawn is not None:
        message = f"`{version.reference}` was withdrawn before: {version.withdrawn}"
        raise Refused(message, code="version/withdrawn")
    if answers_at:
        raise Refused(
            f"`{version.reference}` answers at {', '.join(answers_at)}",
            code="version/in-use",
            hint="promote or roll back to another one first",
        )
    body = {"name": version.name, "version": version.version, "reason": reason}
    return Draft(Kind.WITHDRAWN, f"package:{version.name}", body)


def hand_over(name: str, owner: str, to: str, *, reason: str) -> Draft:
    """Return the event after which somebody else answers for a package.

    Raises:
        UsageError: ``version/owner``: nobody is named, or who answers for it already.
    """
    if not to.strip() or not to.isprintable() or owner == to:
        raise UsageError(
            f"expected another owner than `{owner}`, found `{to[:60]!s}`",
            code="version/owner",
        )
    body = {"name": name, "from": owner, "to": to, "reason": reason}
    return Draft(Kind.OWNER_CHANGED, f"package:{name}", body)


def require_reason(reason: str) -> None:
    """Return when there is a reason.

    Raises:
        UsageError: ``registry/reason``.
    """
    if not reason.strip():
        raise UsageError(
            "expected a reason, found none", code="registry/reason", hint='`--reason "…"`'
        )
