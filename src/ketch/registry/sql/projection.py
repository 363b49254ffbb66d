"""From events to tables: what each kind of event changes.

The same function keeps the tables while events are recorded, and builds them anew in
memory when ``fsck`` asks whether they still say what the events say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ketch.registry.events import Event, Kind, write_time
from ketch.registry.route import Arm, Place, layer_json
from ketch.registry.sql.database import Session
from ketch.schema.parse import canonical_json

TABLES = {
    "packages": "name",
    "versions": "seq",
    "routes": "route",
    "arms": "route, place",
    "approvals": "seq",
    "rejections": "seq",
    "held": "route, digest",
    "verdicts": "route, digest",
    "layers": "name",
    "tokens": "seq",
}
"""Every derived table, with what its rows are ordered by."""


def project(event: Event, session: Session) -> None:
    """Make the tables say what the event says."""
    _PROJECTIONS[event.kind](event, event.body, session)


def _published(event: Event, body: Mapping[str, Any], session: Session) -> None:
    session.run(
        "INSERT INTO packages (name, owner, seq) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
        body["name"],
        body["owner"],
        event.seq,
    )
    columns = "seq, name, version, digest, publisher, published, size_bytes, description, route"
    session.run(
        f"INSERT INTO versions ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        event.seq,
        body["name"],
        body["version"],
        body["digest"],
        event.actor,
        write_time(event.time),
        body["size_bytes"],
        body["description"],
        body["route"],
    )


def _withdrawn(_: Event, body: Mapping[str, Any], session: Session) -> None:
    session.run(
        "UPDATE versions SET withdrawn = ? WHERE name = ? AND version = ?",
        body["reason"],
        body["name"],
        body["version"],
    )


def _owner_changed(event: Event, body: Mapping[str, Any], session: Session) -> None:
    session.run(
        "UPDATE packages SET owner = ?, seq = ? WHERE name = ?", body["to"], event.seq, body["name"]
    )


def _route_changed(event: Event, body: Mapping[str, Any], session: Session) -> None:
    route = event.subject.partition(":")[2]
    session.run(
        "INSERT INTO routes (route, seq, policy, line) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (route) DO UPDATE"
        " SET seq = excluded.seq, policy = excluded.policy, line = excluded.line",
        route,
        event.seq,
        canonical_json(body["policy"]).decode(),
        canonical_json(body["line"]).decode(),
    )
    arms = [Arm.from_json(arm) for arm in cast("list[Mapping[str, object]]", body["arms"])]
    session.run("DELETE FROM arms WHERE route = ?", route)
    session.many(
        "INSERT INTO arms (route, place, name, package, digest, share, salt, layer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(route, *_columns(arm)) for arm in arms],
    )
    session.many(
        "INSERT INTO held (route, digest) VALUES (?, ?) ON CONFLICT (route, digest) DO NOTHING",
        [(route, str(arm.digest)) for arm in arms if arm.place is Place.PROD],
    )
    session.run(
        "DELETE FROM verdicts WHERE route = ?"
        " AND digest NOT IN (SELECT digest FROM arms WHERE arms.route = verdicts.route)",
        route,
    )


def _policy_set(event: Event, body: Mapping[str, Any], session: Session) -> None:
    _route_changed(event, body, session)
    layer = body["policy"].get("layer")
    if layer is not None:
        session.run(
            "INSERT INTO layers (name, salt, seq) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING",
            layer["name"],
            body["layer_salt"],
            event.seq,
        )


def _columns(arm: Arm) -> tuple[object, ...]:
    name = arm.package.partition(":")[0]
    share = arm.share.millionths
    layer = None if arm.layer is None else canonical_json(layer_json(arm.layer)).decode()
    return (str(arm.place), name, arm.package, str(arm.digest), share, arm.salt, layer)


def _approved(event: Event, body: Mapping[str, Any], session: Session) -> None:
    route = event.subject.partition(":")[2]
    session.run("DELETE FROM rejections WHERE route = ? AND digest = ?", route, body["digest"])
    session.run(
        "INSERT INTO approvals (seq, route, digest, package, approver, evidence, expires)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        event.seq,
        route,
        body["digest"],
        body["package"],
        body["approver"],
        body["evidence"],
        body["expires"],
    )


def _rejected(event: Event, body: Mapping[str, Any], session: Session) -> None:
    route = event.subject.partition(":")[2]
    session.run("DELETE FROM approvals WHERE route = ? AND digest = ?", route, body["digest"])
    session.run(
        "INSERT INTO rejections (seq, route, digest, package, person, time, reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        event.seq,
        route,
        body["digest"],
        body["package"],
        event.actor,
        write_time(event.time),
        body["reason"],
    )


def _judged(event: Event, body: Mapping[str, Any], session: Session) -> None:
    columns = ("package", "rollout", "action", "sentence", "evidence", "reason", "person", "time")
    changed = ", ".join(f"{column} = excluded.{column}" for column in ("seq", *columns))
    session.run(
        f"INSERT INTO verdicts (route, digest, seq, {', '.join(columns)})"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        f" ON CONFLICT (route, digest) DO UPDATE SET {changed}",
        event.subject.partition(":")[2],
        body["digest"],
        event.seq,
        body["package"],
        body["rollout"],
        body["action"],
        body["sentence"],
        canonical_json(body["evidence"]).decode(),
        body["reason"],
        event.actor,
        write_time(event.time),
    )


def _only_told(_: Event, __: Mapping[str, Any], ___: Session) -> None:
    """Change nothing: the event is read in the history, and there alone."""


def _token_created(event: Event, body: Mapping[str, Any], session: Session) -> None:
    packages = body["packages"]
    session.run(
        "INSERT INTO tokens (id, seq, person, role, packages, expires, hash, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        body["id"],
        event.seq,
        body["person"],
        body["role"],
        None if packages is None else canonical_json(packages).decode(),
        body["expires"],
        body["hash"],
        write_time(event.time),
    )


def _token_revoked(event: Event, body: Mapping[str, Any], session: Session) -> None:
    session.run("UPDATE tokens SET revoked = ? WHERE id = ?", write_time(event.time), body["id"])


_PROJECTIONS = {
    Kind.PUBLISHED: _published,
    Kind.WITHDRAWN: _withdrawn,
    Kind.OWNER_CHANGED: _owner_changed,
    Kind.POLICY_SET: _policy_set,
    Kind.PROMOTED: _route_changed,
    Kind.ROLLED_BACK: _route_changed,
    Kind.APPROVED: _approved,
    Kind.REJECTED: _rejected,
    Kind.JUDGED: _judged,
    Kind.DRIFTED: _only_told,
    Kind.TOKEN_CREATED: _token_created,
    Kind.TOKEN_REVOKED: _token_revoked,
}
