"""How drift is recorded: read strictly, and only of a package that stands on the route.

Whoever watches a route, the guard or another program of the team, records it when other
fields drift than before, or none any more. It changes nothing on the route: people and
webhooks are told.
"""

from __future__ import annotations

from collections.abc import Mapping

from ketch.errors import Refused, UsageError
from ketch.registry.events import Draft, Kind
from ketch.registry.judging import digest_text, read_evidence, sentence
from ketch.registry.promotion import subject
from ketch.registry.reading import Reader, Reading, text
from ketch.registry.route import Route

_MOST_FIELDS = 1_000
_NEEDED = ("digest", "fields", "sentence")


def note(route: Route, finding: object) -> Draft:
    """Return the event that records what drifted in what a package is asked and answers.

    Args:
        route: The route as it stands.
        finding: ``digest`` of the package, ``fields`` that drifted, by name and in order; none
            where drift is over; ``sentence``; and ``evidence``, the numbers.

    Raises:
        UsageError: ``drift/finding``, with every finding.
        Refused: ``drift/package``: the package does not stand on the route.
    """
    said = read_finding(finding)
    arm = next((one for one in route.arms if str(one.digest) == said["digest"]), None)
    if arm is None:
        raise Refused(
            f"expected the digest of a package on `{route.name}`, found `{said['digest']}`",
            code="drift/package",
            where="finding: digest",
            hint=f"`ketch route show {route.name}` shows who answers",
        )
    body = {"evidence": {}, **said, "package": arm.package}
    return Draft(Kind.DRIFTED, subject(route.name), body)


def read_finding(finding: object) -> dict[str, object]:
    """Read a finding strictly; see :func:`note`.

    Raises:
        UsageError: ``drift/finding``, with every finding.
    """
    reading = Reading("finding", unknown_key="drift/unknown-key", wrong_value="drift/wrong-value")
    found = reading.table(finding, _READERS)
    written = finding if isinstance(finding, Mapping) else _NEEDED
    if missing := [f"`{one}`" for one in _NEEDED if one not in written]:
        reading.wrong(f"expected {', '.join(missing)} too, found none", "")
    if reading.findings:
        raise UsageError(
            "what drifted cannot be recorded as it is",
            code="drift/finding",
            where="finding",
            findings=reading.findings,
        )
    return found


def _fields(value: object) -> list[str]:
    if isinstance(value, list) and len(value) <= _MOST_FIELDS:
        return [text(one) for one in value]
    raise ValueError(f"a list of at most {_MOST_FIELDS:,} names")


_READERS: Mapping[str, Reader] = {
    "digest": digest_text,
    "fields": _fields,
    "sentence": sentence,
    "evidence": read_evidence,
}
