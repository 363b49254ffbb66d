"""What the tables answer: versions, pages of them, routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from ketch.package.digest import Digest
from ketch.registry.events import read_time, write_time
from ketch.registry.judgement import Judgement
from ketch.registry.policy import Policy
from ketch.registry.promotion import subject
from ketch.registry.route import Approval, Arm, Place, Rejection, Route, read_layer
from ketch.registry.share import Share
from ketch.registry.sql.database import Session, from_row
from ketch.registry.sql.log import revision
from ketch.rollout import Layer
from ketch.rollout.terms import Action
from ketch.schema.parse import parse_json

_COLUMNS = (
    "v.seq, v.name, v.version, v.digest, v.publisher, v.published, v.size_bytes,"
    " v.description, v.route, v.withdrawn, p.owner"
)
_VERSIONS = f"SELECT {_COLUMNS} FROM versions v JOIN packages p ON p.name = v.name"


@dataclass(frozen=True, slots=True)
class Version:
    """A published version: a name for one digest, for ever.

    Attributes:
        seq: The event that published it.
        name, version: What it is called.
        digest: What it is.
        publisher: Who published it.
        published: When.
        size_bytes: Size of everything it holds.
        description: One sentence by its author.
        route: Where its author wants it to answer.
        withdrawn: Why it must not be used any more, if so.
        owner: Who answers for the package now.
    """

    seq: int
    name: str
    version: str
    digest: Digest
    publisher: str
    published: datetime
    size_bytes: int
    description: str
    route: str | None
    withdrawn: str | None
    owner: str

    @property
    def reference(self) -> str:
        """The version as ``name:version``."""
        return f"{self.name}:{self.version}"

    def to_json(self) -> dict[str, object]:
        """Return the version as ``ketch list --json`` prints it."""
        body = {
            "event": self.seq,
            "name": self.name,
            "version": self.version,
            "digest": str(self.digest),
            "owner": self.owner,
            "publisher": self.publisher,
            "published": write_time(self.published),
            "size_bytes": self.size_bytes,
            "description": self.description,
            "route": self.route,
            "withdrawn": self.withdrawn,
        }
        return {name: value for name, value in body.items() if value is not None}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Version:
        """Read what :meth:`to_json` wrote."""
        return cls(
            int(body["event"]),
            str(body["name"]),
            str(body["version"]),
            Digest.parse(str(body["digest"])),
            str(body["publisher"]),
            read_time(str(body["published"])),
            int(body["size_bytes"]),
            str(body["description"]),
            body.get("route"),
            body.get("withdrawn"),
            str(body["owner"]),
        )


def owner_of(session: Session, name: str) -> str | None:
    """Return who answers for a package; None when nothing of it was published."""
    row = session.one("SELECT owner FROM packages WHERE name = ?", name)
    return None if row is None else str(row[0])


def find_version(session: Session, name: str, version: str) -> Version | None:
    """Return one version."""
    row = session.one(f"{_VERSIONS} WHERE v.name = ? AND v.version = ?", name, version)
    return None if row is None else _version(row)


def find_digest(session: Session, name: str, digest: Digest) -> Version | None:
    """Return the version of a package that has a digest."""
    row = session.one(f"{_VERSIONS} WHERE v.digest = ? AND v.name = ?", str(digest), name)
    return None if row is None else _version(row)


def find_versions(
    session: Session,
    *,
    name: str | None = None,
    among: Sequence[str] | None = None,
    search: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Version]:
    """Return versions, the newest published first.

    Args:
        session: Where to look.
        name: Only those of a package.
        among: Only those of packages with these names; one that ends in ``*`` is a beginning.
        search: Only those with this text in name, description or owner, case aside.
        before: Only those published before this ``seq``: the next page.
        limit: At most so many.
    """
    wanted: list[tuple[str, tuple[object, ...]]] = []
    if name is not None:
        wanted.append(("v.name = ?", (name,)))
    if among is not None:
        likes = " OR ".join(["v.name LIKE ? ESCAPE '\\'"] * len(among)) or "1 = 0"
        wanted.append((f"({likes})", tuple(map(_beginning, among))))
    if search is not None:
        pattern = f"%{_escaped(search.lower())}%"
        like = "LOWER({}) LIKE ? ESCAPE '\\'"
        columns = ("v.name", "v.description", "p.owner")
        either = " OR ".join(like.format(column) for column in columns)
        wanted.append((f"({either})", (pattern,) * len(columns)))
    if before is not None:
        wanted.append(("v.seq < ?", (before,)))
    where = f" WHERE {' AND '.join(condition for condition, _ in wanted)}" if wanted else ""
    values = [value for _, values in wanted for value in values]
    rows = session.all(f"{_VERSIONS}{where} ORDER BY v.seq DESC LIMIT ?", *values, limit)
    return [_version(row) for row in rows]


def find_route(session: Session, name: str) -> Route:
    """Return a route as it stands; one that nobody touched has no arms."""
    row = session.one("SELECT policy, line FROM routes WHERE route = ?", name)
    policy, line = (Policy(), ()) if row is None else (_policy(row[0]), _line(row[1]))
    held = session.all("SELECT digest FROM held WHERE route = ?", name)
    return Route(
        name,
        revision(session, subject(name)),
        policy,
        _arms(session, name),
        _approvals(session, name),
        _rejections(session, name),
        line,
        frozenset(Digest.parse(digest) for (digest,) in held),
        _verdicts(session, name),
    )


def route_names(session: Session) -> list[str]:
    """Return the names of all routes, sorted."""
    return [name for (name,) in session.all("SELECT route FROM routes ORDER BY route")]


def layer_salt(session: Session, name: str) -> str | None:
    """Return what was drawn for a layer when a policy first named it."""
    row = session.one("SELECT salt FROM layers WHERE name = ?", name)
    return None if row is None else str(row[0])


def arms_of(session: Session, name: str, place: Place) -> list[tuple[str, str, Digest]]:
    """Return the routes where a package stands at a place: route, ``name:version``, digest."""
    statement = "SELECT route, package, digest FROM arms WHERE name = ? AND place = ?"
    rows = session.all(f"{statement} ORDER BY route", name, str(place))
    return [(route, package, Digest.parse(digest)) for route, package, digest in rows]


@from_row
def _arms(session: Session, route: str) -> tuple[Arm, ...]:
    rows = session.all(
        "SELECT place, package, digest, share, salt, layer FROM arms WHERE route = ?", route
    )
    arms = [
        Arm(Place(place), package, Digest.parse(digest), Share(share), salt, _layer(layer))
        for place, package, digest, share, salt, layer in rows
    ]
    return tuple(sorted(arms, key=lambda arm: list(Place).index(arm.place)))


@from_row
def _approvals(session: Session, route: str) -> tuple[Approval, ...]:
    rows = session.all(
        "SELECT package, digest, approver, evidence, expires FROM approvals"
        " WHERE route = ? ORDER BY seq",
        route,
    )
    return tuple(
        Approval(package, Digest.parse(digest), approver, evidence, read_time(expires))
        for package, digest, approver, evidence, expires in rows
    )


@from_row
def _rejections(session: Session, route: str) -> tuple[Rejection, ...]:
    rows = session.all(
        "SELECT package, digest, person, time, reason FROM rejections WHERE route = ? ORDER BY seq",
        route,
    )
    return tuple(
        Rejection(package, Digest.parse(digest), person, read_time(time), reason)
        for package, digest, person, time, reason in rows
    )


@from_row
def _verdicts(session: Session, route: str) -> tuple[Judgement, ...]:
    rows = session.all(
        "SELECT rollout, package, digest, action, sentence, evidence, reason, person, time"
        " FROM verdicts WHERE route = ? ORDER BY seq DESC",
        route,
    )
    return tuple(
        Judgement(
            rollout,
            package,
            Digest.parse(digest),
            Action(action),
            sentence,
            cast("dict[str, object]", parse_json(evidence.encode())),
            reason,
            person,
            read_time(time),
        )
        for rollout, package, digest, action, sentence, evidence, reason, person, time in rows
    )


@from_row
def _version(row: tuple[Any, ...]) -> Version:
    seq, name, version, digest, publisher, published, size, description, route, gone, owner = row
    return Version(
        seq,
        name,
        version,
        Digest.parse(digest),
        publisher,
        read_time(published),
        size,
        description,
        route,
        gone,
        owner,
    )


@from_row
def _policy(text: str) -> Policy:
    return Policy.from_json(cast("dict[str, object]", parse_json(text.encode())))


@from_row
def _line(text: str) -> tuple[tuple[str, Digest], ...]:
    pairs = cast("list[list[str]]", parse_json(text.encode()))
    return tuple((package, Digest.parse(digest)) for package, digest in pairs)


def _layer(text: str | None) -> Layer | None:
    if text is None:
        return None
    return read_layer(cast("dict[str, object]", parse_json(text.encode())))


def _beginning(pattern: str) -> str:
    """Return the pattern of SQL for ``shop`` or ``shop*``."""
    name = pattern.removesuffix("*")
    return _escaped(name) + ("%" if pattern != name else "")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
