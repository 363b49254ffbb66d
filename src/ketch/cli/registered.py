"""What every verb of the registry needs: a desk at it, and its events and routes as text."""

from __future__ import annotations

from collections.abc import Mapping

from ketch.cli.text import percent
from ketch.registry import Event, Place, Route
from ketch.schema.problems import escaped

_LINE = 100
_SAID = {
    "continue": "Continue:",
    "promote-ready": "Ready to promote:",
    "roll-back": "Roll back:",
    "hold": "Hold:",
}
"""How the sentence of a verdict begins that says its action itself."""
"""Characters of a line; `fit.crop` counts columns, with rich, which few answers need."""


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
    instead = f" in place of {body['instead_of']}" if body.get("instead_of") else ""
    says: Mapping[str, str] = {
        "published": f"published {body.get('name')}:{body.get('version')}",
        "withdrawn": f"withdrew {body.get('name')}:{body.get('version')}",
        "owner-changed": f"handed {body.get('name')} over to {body.get('to')}",
        "policy-set": "set the policy",
        "promoted": f"promoted {body.get('package')} to {body.get('stage')}{share}{instead}",
        "approved": f"approved {body.get('package')} for {body.get('stage')}{_despite(body)}",
        "rejected": f"rejected {body.get('package')} for {body.get('stage')}",
        "rolled-back": f"rolled back from {body.get('from')} to {body.get('package')}",
        "judged": f"judged {body.get('package')} {body.get('action')}",
        "drifted": f"watched {body.get('package')}",
        "token-created": f"let {body.get('person')} in as {body.get('role')}{_grants(body)}",
        "token-revoked": f"revoked the token {body.get('id')} of {body.get('person')}",
    }
    on = f" on {event.subject.partition(':')[2]}" if event.subject.startswith("route:") else ""
    override = f", OVERRIDING {', '.join(_texts(body['override']))}" if body.get("override") else ""
    reasons = [str(body[key]) for key in ("sentence", "reason") if body.get(key)]
    why = f": {' '.join(reasons)}" if reasons else ""
    said = " ".join(f"{event.actor}  {says[event.kind]}{on}{override}{why}".splitlines())
    return f"{event.time:%Y-%m-%d %H:%M:%S}  {escaped(said)}"


def meant(event: Event) -> str:
    """Return which package an event was about, exactly."""
    return f"{event.body['package']}  {event.body['digest']}"


def route_text(route: Route) -> str:
    """Return a route as people read it, one line an arm."""
    width = max((len(arm.package) for arm in route.arms), default=0)
    lines = [f"{route.name}  revision {route.revision}"]
    for arm in route.arms:
        share = "shadow" if arm.place is Place.STAGING else percent(arm.share.fraction)
        line = f"  {arm.place:<8}  {arm.package:<{width}}  {share:>7}  {arm.digest.short}"
        rejected = [one.person for one in route.rejections if one.digest == arm.digest]
        lines.append(f"{line}  rejected by {', '.join(rejected)}" if rejected else line)
    if not route.arms:
        lines.append("  nothing answers here")
    return "\n".join(lines)


def verdict_text(route: Route, *, whole: bool = False) -> list[str]:
    """Return what the newest verdict on the rollout under way says: one line, if there is one.

    Args:
        route: The route.
        whole: Whether a long sentence is told to its end.
    """
    if route.rollout is None:
        return []
    verdict = route.verdict
    said = "none yet" if verdict is None else verdict.sentence
    if verdict is not None and not said.startswith(_SAID.get(verdict.action, verdict.action)):
        said = f"{verdict.action}: {said}"
    line = f"  {'verdict':<8}  {escaped(said)}"
    return [line if whole or len(line) <= _LINE else f"{line[: _LINE - 1]}…"]


def _grants(body: Mapping[str, object]) -> str:
    packages = _texts(body.get("packages"))
    return f" of {', '.join(packages)}" if packages else ""


def _despite(body: Mapping[str, object]) -> str:
    people = _texts(body.get("despite"))
    return f" DESPITE the no of {', '.join(people)}" if people else ""


def _texts(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
