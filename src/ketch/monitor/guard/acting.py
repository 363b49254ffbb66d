"""One step of the guard, carried out at the registry, on the revision that it was made for.

Whoever changed the route meanwhile comes first: the step is refused there, and the next one
is made of what stands then. So a step that is made by two guards, or twice, happens once.
"""

from __future__ import annotations

from ketch.monitor.guard.change import Change
from ketch.monitor.guard.steps import Grow, Judge, RollBack, Step
from ketch.monitor.guard.watching import Watch
from ketch.package import PackageName, Reference, Stage
from ketch.registry import Desk, Event, Route, Share

_LONGEST = 1_000
"""Of a sentence, in the history."""


def carry_out(step: Step, watch: Watch, route: Route, desk: Desk) -> Change:
    """Do one step; return what was done.

    Raises:
        Refused: ``route/moved``: the route is another by now; or a rule is against it.
        Unavailable: The registry does not answer; the step may have happened, or not.
    """
    match step:
        case Judge(action):
            event = desk.judge(route.name, _verdict(watch), expected=route.revision)
            return _change(event, watch, "judged", _sentence(watch), action=str(action))
        case RollBack():
            return _rolled_back(watch, route, desk)
        case Grow(share):
            return _grown(Share(share), watch, route, desk)


def _rolled_back(watch: Watch, route: Route, desk: Desk) -> Change:
    """Roll back on the verdict that is on record, which made it so."""
    judged = route.verdict
    sentence = _sentence(watch) if judged is None else judged.sentence
    seen = watch.numbers if judged is None else judged.evidence
    event = desk.roll_back(route.name, reason=sentence, expected=route.revision, evidence=seen)
    says = f"from {event.body['from']} to {event.body['package']}"
    return _change(event, watch, "rolled-back", says, action="roll-back")


def _grown(share: Share, watch: Watch, route: Route, desk: Desk) -> Change:
    candidate = watch.rollout.candidate
    name = PackageName(candidate.package.partition(":")[0])
    event = desk.promote(
        Reference(name, candidate.digest),
        Stage.LIMITED,
        share=share,
        reason=f"The next step of the ramp. {_sentence(watch)}",
        route=route.name,
        expected=route.revision,
    )
    return _change(event, watch, "grew", f"to {share}", share=share.fraction)


def _change(event: Event, watch: Watch, did: str, says: str, **more: object) -> Change:
    return watch.change(
        did, says, time=event.time, event=event.seq, revision=event.revision, **more
    )


def _verdict(watch: Watch) -> dict[str, object]:
    return {
        "rollout": watch.rollout.id,
        "package": watch.rollout.candidate.package,
        "digest": str(watch.rollout.candidate.digest),
        "action": str(watch.verdict.action),
        "sentence": _sentence(watch),
        "evidence": watch.numbers,
    }


def _sentence(watch: Watch) -> str:
    """Return the sentence of a verdict, on one line that the history takes."""
    line = "".join(one if one.isprintable() else " " for one in watch.verdict.sentence).strip()
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
