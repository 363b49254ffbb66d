"""What packages are asked, taken from what a route was asked: its decisions, replayed.

Shadow copies, and requests that got no answer, are not replayed. Nor are inputs that cannot
be asked again as they were: those that were not kept, and those with personal data, of which
the log has hashes alone. All of them are counted, and told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from ketch.compare.questions import Asked, Question, checked
from ketch.errors import UsageError
from ketch.monitor.decisions.keyed import hashed_fields
from ketch.monitor.decisions.sample import Sample
from ketch.monitor.decisions.sample import sample as sample_of
from ketch.package import Package
from ketch.schema import Decoder, Row, parse_json

MOST_ROWS = 2_000


def replayed(
    logs: Sequence[Path],
    route: str,
    since: datetime,
    until: datetime,
    packages: Sequence[Package],
    *,
    most_rows: int = MOST_ROWS,
) -> Asked:
    """Return decisions of a route as questions that the schemas of all packages accept.

    Of many decisions, an even sample over the time is asked.

    Args:
        logs: Folders of decision logs; see ``ketch.monitor.logs.log_folders``.
        route: Whose decisions.
        since: From when on.
        until: Until when, not included.
        packages: Whose schemas have to accept them.
        most_rows: So many rows at most; a decision that has more by itself is cut.

    Returns:
        A question for each decision, the oldest first, named ``decision <identity>``.

    Raises:
        UsageError: ``compare/no-decisions``: none was answered in that time, or none can be
            asked again; ``compare/no-inputs``: no row is accepted by all schemas.
    """
    found = sample_of(logs, route, since, until, most_rows=most_rows)
    window = f"`--since {_text(since)} --until {_text(until)}`"
    if not found.decisions:
        raise UsageError(
            f"expected decisions that `{route}` answered, found none with {window}",
            code="compare/no-decisions",
            hint=f"`ketch decisions --route {route}` shows the latest; `--log` names another log",
        )
    sample = _Sample(packages)
    questions = tuple(sample.questions(found.listed, most_rows))
    left_out = tuple(_left_out(found, sample))
    if not questions and not sample.refused:
        raise UsageError(
            f"expected inputs that can be asked again, found none: {'; '.join(left_out)}",
            code="compare/no-decisions",
            hint="name a file of rows with `--inputs`",
        )
    rows = sum(len(one.rows) for one in questions)
    whence = f"{rows:,} of {found.rows:,} rows that `{route}` answered, with {window}"
    return checked(Asked(questions, sample.refused, (whence, *left_out)), packages)


@dataclass
class _Sample:
    """Makes questions of decisions, and counts what it leaves out.

    Attributes:
        packages: Whose schemas have to accept the rows.
        refused: Rows of decisions that a schema refuses.
        hashed: Decisions of which some values are known as hashes alone.
        fields: In which fields.
    """

    packages: Sequence[Package]
    refused: int = 0
    hashed: int = 0
    fields: set[str] = field(default_factory=set)

    def questions(self, listed: Iterable[tuple[str, str]], most_rows: int) -> Iterator[Question]:
        """Yield questions of at most so many rows together, in the order of time."""
        made = list(self._made(listed))
        while len(made) > 1 and (rows := sum(len(one.rows) for one in made)) > most_rows:
            made = made[:: -(-rows // most_rows)]
        for one in made:
            yield Question(one.name, one.rows[:most_rows])

    def _made(self, listed: Iterable[tuple[str, str]]) -> Iterator[Question]:
        decoders = [Decoder(one.manifest.schema.inputs) for one in self.packages]
        for decision, inputs in listed:
            value = parse_json(inputs.encode())
            rows = cast("list[Row]", value if isinstance(value, list) else [value])
            if hashed := hashed_fields(rows):
                self.hashed += 1
                self.fields |= hashed
            elif any(decoder.decode(rows)[1] for decoder in decoders):
                self.refused += len(rows)
            else:
                yield Question(f"decision {decision}", tuple(rows))


def _left_out(found: Sample, sample: _Sample) -> Iterator[str]:
    if lost := found.decisions - found.kept:
        yield f"{_decisions(lost)} left out, whose inputs were not kept, or are kept no longer"
    if sample.hashed:
        names = ", ".join(f"`{one}`" for one in sorted(sample.fields))
        yield f"{_decisions(sample.hashed)} left out: of {names} hashes alone are recorded"


def _decisions(count: int) -> str:
    return f"{count:,} decision" + ("s" if count > 1 else "")


def _text(when: datetime) -> str:
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
