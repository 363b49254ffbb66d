"""``ketch route``: show or set the rules of a route."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from ketch.cli.printer import Printer
from ketch.cli.registered import event_json, route_text, told
from ketch.cli.text import percent
from ketch.errors import NotFound
from ketch.registry import Policy, Route
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
    Printer(as_json=json).show(found.to_json(), f"{route_text(found)}\n{_policy_text(found)}")


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
    """Set the rules of a route from a file, which can live in git.

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
        event = known.set_policy(name, policy, reason=reason, expected=revision)
        found = known.route(name)
    text = f"{told(event)}\n{route_text(found)}\n{_policy_text(found)}"
    Printer(as_json=json).show(event_json(event), text)


def _policy_text(found: Route) -> str:
    held_out = percent(found.policy.baseline_share.fraction)
    policy = {**found.policy.to_json(), "baseline_share": held_out}
    width = max(len(name) for name in policy)
    lines = [f"  {name:<{width}}  {_value(value)}" for name, value in policy.items()]
    return "\n".join(["policy", *lines])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items()) or "none"
    return str(value)
