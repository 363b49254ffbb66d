"""The answer in one sentence, for people who do not read tables."""

from __future__ import annotations

from ketch.compare.incident import words
from ketch.compare.incident.value import Break, Cause, Incident

_SURE = 0.3
"""Below it nothing is named as what the break came after."""


def sentence(found: Incident) -> str:
    """Return what broke, when, and after what; or that nothing did."""
    if found.incident is None:
        return _quiet(found)
    told = broke(found.incident, found)
    cause = next((one for one in found.causes if one.score >= _SURE), None)
    if cause is None:
        none = "nothing that is recorded changed before it"
        return f"{told}; {'none of what changed before it stands out' if found.causes else none}."
    after = f"{told}, {_gap(found.incident, cause, found)} {cause.what}"
    return (
        f"{after}; {cause.control}, which went on, did not move." if cause.control else f"{after}."
    )


def broke(one: Break, found: Incident) -> str:
    """Return what changed, from what to what, and when."""
    verb = "rose" if one.after > one.before else "fell"
    was, now = (words.level(value, one.kind) for value in (one.before, one.after))
    return f"`{one.metric}` {verb} from {was} to {now} at {words.clock(one.at, found.step)} UTC"


def _gap(one: Break, cause: Cause, found: Incident) -> str:
    """Return how long before the break something was; at the same time, as far as is known."""
    if cause.when >= one.interval[0] - found.step:
        return "when"
    return f"{words.span(one.at - cause.when)} after"


def _quiet(found: Incident) -> str:
    late = next((one for one in found.causes if one.kind == "outcomes"), None)
    named = f"on `{found.route}`"
    if late is not None:
        since = words.clock(late.when, found.step)
        return f"Nothing broke {named}, but {late.what} since {since} UTC: {late.evidence[0]}."
    if not found.decisions:
        return f"Nothing was decided {named} in this time."
    return f"Nothing changed {named} by more than chance would."
