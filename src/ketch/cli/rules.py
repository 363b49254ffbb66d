"""The rules of a route as people read them, in the words of the file they were read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ketch.registry import Place, Policy, Route
from ketch.schema.problems import escaped

_NAMED = ("guardrails", "metrics")
"""Tables of tables, each shown in a line of its own."""


def policy_text(policy: Policy) -> str:
    """Return all of a policy, a line a rule."""
    rules = _rules(policy)
    width = max(map(len, rules))
    return "\n".join(["policy", *(f"  {name:<{width}}  {_told(rules[name])}" for name in rules)])


def changes(before: Policy, after: Policy) -> list[dict[str, object]]:
    """Return each rule that became another one, in JSON form."""
    old, new = _rules(before), _rules(after)
    return [
        {"name": name, "from": old.get(name), "to": new.get(name)}
        for name in {**new, **old}
        if old.get(name) != new.get(name)
    ]


def changes_text(changed: list[dict[str, object]]) -> str:
    """Return what :func:`changes` found, a line a rule."""
    width = max((len(str(one["name"])) for one in changed), default=0)
    lines = [
        f"  {one['name']:<{width}}  {_told(one['from'])} → {_told(one['to'])}" for one in changed
    ]
    return "\n".join(lines or ["  as it was before"])


def kept(route: Route) -> str | None:
    """Return what is said of new rules while a rollout is under way."""
    limited = route.at(Place.LIMITED)
    if route.rollout is None or limited is None:
        return None
    return f"the rollout of {limited.package} that is under way keeps the rules it began with"


def _rules(policy: Policy) -> dict[str, object]:
    return dict(_rows(policy))


def _rows(policy: Policy) -> Iterator[tuple[str, object]]:
    for name, value in policy.to_json().items():
        if name in _NAMED and isinstance(value, dict):
            yield from ((f"{name}.{escaped(one)}", body) for one, body in value.items())
        else:
            yield name, value


def _told(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return " ".join(map(_told, value)) or "none"
        case Mapping():
            return ", ".join(f"{escaped(str(name))} {_told(one)}" for name, one in value.items())
        case _:
            return escaped(str(value))
