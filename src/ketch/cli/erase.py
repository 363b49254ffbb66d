"""``ketch erase``: remove all that the log holds of a unit."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.cli.text import counted
from ketch.errors import Unavailable
from ketch.registry.opening import person
from ketch.runtime import Home

BEYOND = (
    "what gateways on other machines wrote: run the same there",
    "copies of a bucket in `buckets/` of a home, until that bucket is read there again",
    "backups, exports, and scenarios that were made of decisions",
)
"""What no erasure of this log reaches."""


def erase(*, unit: str, json: bool = False) -> int:
    """Remove every decision and every outcome of a unit from the log of this home.

    What was removed, when and on whose word stays in `decisions/erasures.jsonl`, without the
    unit's name. Decisions of the last hour may lie in a file that is being written: nobody
    finds them any more, and they are gone when it is sealed.

    Args:
        unit: The unit, as requests name it, such as a shopper.
        json: Print one JSON value.
    """
    from ketch.monitor.forgetting import forget  # a database
    from ketch.monitor.logs import FOLDER

    printer = Printer(as_json=json)
    done = forget(Home.default().path / FOLDER, unit, by=person())
    gone = f"{counted(done.decisions, 'decision')} and {counted(done.outcomes, 'outcome')}"
    is_known = done.decisions or done.outcomes
    text = f"{gone} removed" if is_known else "nothing of this unit is in the log"
    printer.show({**done.to_json(), "beyond": list(BEYOND)}, text)
    printer.say("not reached:")
    for one in BEYOND:
        printer.say(f"  {one}")
    if not done.problem:
        return 0
    printer.say(f"  the bucket `{done.bucket}`: {done.problem}")
    printer.say("run the same again; whatever is sent there next removes it, too")
    return Unavailable.exit_status
