"""``ketch route``: show or set the rules of a route."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, route_text, told, verdict_text
from ketch.cli.rules import changes, changes_text, kept, policy_text
from ketch.errors import NotFound
from ketch.registry import Desk, Policy
from ketch.runtime import Home

route = App(name="route", help="Show or set the rules of a route.")


@route.command(name="show")
def show(name: str, /, *, json: bool = False) -> None:
    """Show who answers on a route, and by which rules.

    Args:
        name: The route, such as `recommendations`.
        json: Print one JSON value.
    """
    with Home.default().desk() as known:
        found = known.route(name)
    text = [route_text(found), *verdict_text(found, whole=True), policy_text(found.policy)]
    Printer(as_json=json).show(found.to_json(), "\n".join(text))


@route.command(name="set")
def set_policy(
    name: str,
    file: Path,
    /,
    *,
    reason: str = "",
    revision: int | None = None,
    json: bool = False,
) -> None:
    """Set the rules of a route from a file, which can live in git, and show what changed.

    A rollout that is under way keeps the rules it began with.

    Args:
        name: The route, such as `recommendations`.
        file: A TOML file with its policy.
        reason: Why.
        revision: Refuse when the route has changed since this revision of it.
        json: Print one JSON value.
    """
    if not file.is_file():
        raise NotFound(f"no file `{file}`", code="policy/no-file")
    policy = Policy.parse(file.read_bytes(), where=str(file))
    with Home.default().desk() as known:
        before = _rules(known, name)
        event = known.set_policy(name, policy, reason=reason, expected=revision)
        found = known.route(name)
    changed = changes(before, policy)
    printer = Printer(as_json=json)
    text = f"{told(event)}\n{changes_text(changed)}\n{route_text(found)}"
    printer.show({**event_json(event), "changes": changed}, text)
    if note := kept(found):
        printer.say(note)


def _rules(known: Desk, name: str) -> Policy:
    """Return the rules of a route; those of a new one are what nobody wrote."""
    try:
        return known.route(name).policy
    except NotFound:
        return Policy()
