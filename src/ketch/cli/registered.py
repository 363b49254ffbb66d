"""What every verb of the registry needs: where it is, who asks, and what is known."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ketch.cli.text import percent
from ketch.errors import UsageError
from ketch.package import open_package
from ketch.registry import Event, Place, Registry, Route, open_database
from ketch.runtime import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

ADDRESS = "KETCH_REGISTRY"
PERSON = "KETCH_USER"


@contextmanager
def registry(home: Home) -> Iterator[Registry]:
    """Yield the registry that ``KETCH_REGISTRY`` names, else the one in the home."""
    url = os.environ.get(ADDRESS) or f"sqlite:///{home.path / 'registry.db'}"
    if not url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise UsageError(
            f"expected `postgresql://…` or `sqlite:///…` in {ADDRESS}, found `{url[:60]}`",
            code="registry/address",
        )
    database = open_database(url)
    try:
        yield Registry(database, lambda digest: open_package(digest, home.store))
    finally:
        database.close()


def person() -> str:
    """Return who asks: ``KETCH_USER``, else the operating system's user.

    A registry on one machine writes down who says they did it; a hub proves it.
    """
    return os.environ.get(PERSON) or getpass.getuser()


def event_json(event: Event) -> dict[str, object]:
    """Return an event as the verbs that cause one print it."""
    subject, _, name = event.subject.partition(":")
    body = event.body
    package = body.get("package") or f"{body.get('name')}:{body.get('version')}"
    return {
        "event": event.seq,
        "kind": str(event.kind),
        "revision": event.revision,
        "route": name if subject == "route" else body.get("route"),
        "package": package,
        "digest": body.get("digest"),
        "actor": event.actor,
        "time": event.to_json()["time"],
    }


def told(event: Event) -> str:
    """Return an event as one line of a history."""
    body = event.body
    share = f" with {percent(float(str(body['share'])))}" if body.get("share") else ""
    says: Mapping[str, str] = {
        "published": f"published {body.get('name')}:{body.get('version')}",
        "withdrawn": f"withdrew {body.get('name')}:{body.get('version')}",
        "owner-changed": f"handed {body.get('name')} over to {body.get('to')}",
        "policy-set": "set the policy",
        "promoted": f"promoted {body.get('package')} to {body.get('stage')}{share}",
        "approved": f"approved {body.get('package')} for {body.get('stage')}",
        "rejected": f"rejected {body.get('package')} for {body.get('stage')}",
        "rolled-back": f"rolled back from {body.get('from')} to {body.get('package')}",
    }
    on = f" on {event.subject.partition(':')[2]}" if event.subject.startswith("route:") else ""
    override = f", OVERRIDING {', '.join(_texts(body['override']))}" if body.get("override") else ""
    why = f": {body['reason']}" if body.get("reason") else ""
    return f"{event.time:%Y-%m-%d %H:%M}  {event.actor}  {says[event.kind]}{on}{override}{why}"


def route_text(route: Route) -> str:
    """Return a route as people read it, one line an arm."""
    width = max((len(arm.package) for arm in route.arms), default=0)
    lines = [f"{route.name}  revision {route.revision}"]
    for arm in route.arms:
        share = "shadow" if arm.place is Place.STAGING else percent(arm.share.fraction)
        lines.append(f"  {arm.place:<8}  {arm.package:<{width}}  {share:>7}  {arm.digest.short}")
    if not route.arms:
        lines.append("  nothing answers here")
    return "\n".join(lines)


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
