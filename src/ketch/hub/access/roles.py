"""Who may do what: roles, one above the other, and whom a request is from.

=========  ================================================================
role       may also
=========  ================================================================
viewer     see versions, routes and the history; fetch bytes
publisher  publish and withdraw versions; promote to staging
approver   approve and reject
operator   promote further, roll back, set policies, hand packages over
admin      make and revoke tokens
=========  ================================================================

A token may be limited to packages by name. It then sees nothing of others: neither their
versions, nor their bytes, nor routes on which they alone answer; and it changes no route on
which any of them answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from ketch.errors import Refused, UsageError
from ketch.schema import nearest

_PATTERN = re.compile(r"\*|[a-z0-9](?:[a-z0-9._-]{0,63})\*?", re.ASCII)
MOST_PATTERNS = 50


class Role(IntEnum):
    """What somebody may do; whoever may do more may do all that is below it."""

    ANYBODY = 0
    """Nobody in particular: what needs no more is open to everybody. No token has it."""
    VIEWER = 1
    PUBLISHER = 2
    APPROVER = 3
    OPERATOR = 4
    ADMIN = 5

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a role that a token can have.

        Raises:
            UsageError: ``hub/role``.
        """
        known = [str(role) for role in cls if role is not cls.ANYBODY]
        if text in known:
            return cls[text.upper()]
        near = nearest(text, known)
        raise UsageError(
            f"expected a role ({', '.join(f'`{role}`' for role in known)}), found `{text[:40]}`",
            code="hub/role",
            hint=f"did you mean `{near}`?" if near else None,
        )

    def __str__(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a request is from, as far as their token tells.

    Attributes:
        person: Who stands in the history for what is done.
        role: What they may do.
        packages: Names, or their beginnings (``shop*``), that the token is limited to;
            None when it is not.
    """

    person: str
    role: Role
    packages: tuple[str, ...] | None = None

    def allows(self, role: Role, package: str | None = None) -> bool:
        """Whether they may do what needs a role, to a package if it concerns one."""
        return role <= self.role and (package is None or self.covers(package))

    def covers(self, package: str) -> bool:
        """Whether the token is for a package of this name."""
        return self.packages is None or any(_matches(one, package) for one in self.packages)

    def require(self, role: Role, package: str | None = None) -> None:
        """Return when they may.

        Raises:
            Refused: ``hub/denied``: their role is too low, or the token is for others.
        """
        if role > self.role:
            raise Refused(
                f"expected the role `{role}` or higher, found `{self.role}` of `{self.person}`",
                code="hub/denied",
                hint="ask an admin of the hub for a token with that role",
            )
        if package is not None and not self.covers(package):
            raise not_covered(self)

    def to_json(self) -> dict[str, object]:
        """Return who it is, as ``ketch login --json`` prints it."""
        packages = None if self.packages is None else list(self.packages)
        return {"person": self.person, "role": str(self.role), "packages": packages}


def not_covered(identity: Identity) -> Refused:
    """Return the error for a request that concerns packages a token is not for."""
    listed = ", ".join(f"`{one}`" for one in identity.packages or ())
    return Refused(
        f"expected a token for all packages that this concerns, found one for {listed or 'none'}",
        code="hub/denied",
        hint="ask an admin of the hub for a token that covers them",
    )


def patterns(texts: Iterable[str]) -> tuple[str, ...] | None:
    """Read the packages that a token is limited to; ``*`` among them is no limit.

    Raises:
        UsageError: ``hub/grant``.
    """
    found = tuple(dict.fromkeys(texts))
    for text in found:
        if not _PATTERN.fullmatch(text):
            raise UsageError(
                f"expected a package such as `shop`, or a beginning such as `shop*`, "
                f"found `{text[:80]}`",
                code="hub/grant",
            )
    if len(found) > MOST_PATTERNS:
        raise UsageError(
            f"expected at most {MOST_PATTERNS} packages, found {len(found)}", code="hub/grant"
        )
    return None if "*" in found else found


def _matches(pattern: str, package: str) -> bool:
    if pattern.endswith("*"):
        return package.startswith(pattern.removesuffix("*"))
    return package == pattern
