"""One look at a route: live windows, their reference, what differs, and what that does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ketch.errors import NotFound
from ketch.monitor.drift.effects import Running, with_effects
from ketch.monitor.drift.fields import Measured, measured
from ketch.monitor.drift.holm import holm
from ketch.monitor.drift.independence import repeats
from ketch.monitor.drift.measures.ks import noise
from ketch.monitor.drift.reference import Key, Reference, previous, training
from ketch.monitor.drift.sampling import sampled
from ketch.monitor.drift.value import RISK, Against, Drift, FieldDrift
from ketch.monitor.profiles import FieldProfile, Window, merged, windows
from ketch.package import Package
from ketch.progress import Progress, Silent
from ketch.runtime import Home

MOST_ROWS = 2_000
HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
"""How long a look is by default: weekends come in each."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for.

    Attributes:
        since, until: The time to look at; whole hours count.
        against: What it is held against; by default the training data where there is any.
        rows: How many rows are asked again to find effects; 0 for none.
    """

    since: datetime
    until: datetime
    against: Against | None = None
    rows: int = MOST_ROWS


def look(
    logs: Sequence[Path],
    route: str,
    package: Package,
    home: Home,
    asked: Asked,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> Drift:
    """Return what drifted in what a package was asked on a route, and answered.

    Args:
        logs: The folders of the decision logs, one for each gateway.
        route: The route.
        package: The package; its own training data is the reference.
        home: Where its environment is, or is made.
        asked: The time, and what it is held against.
        offline: Use only libraries and interpreters that lie on this machine.
        progress: Told what is being done.

    Raises:
        NotFound: ``drift/no-decisions``; ``drift/no-reference``.
        Unavailable: ``decisions/…``: a log cannot be read now.
    """
    said = progress or Silent()
    said.step("reading profiles")
    eye = _Eye(tuple(logs), route, package)
    since, until = _hour(asked.since), asked.until
    live = eye.window(since, until)
    if live is None:
        raise _no_decisions(route, package, since, until)
    against, references = eye.references(since, until, asked.against)
    repeated = eye.repeats(since, until)
    fields, not_compared = compared(live, references, repeated)
    if asked.rows and any(one.drifted and one.side == "input" for one in fields):
        rows = sampled(logs, route, package, since=since, until=until, most_rows=asked.rows)
        running = Running(package, home, offline, said)
        fields = with_effects(fields, references, rows, running)
    return Drift(
        route=route,
        package=str(package.reference),
        digest=str(package.digest),
        since=since,
        until=until,
        against=against,
        decisions=live.decisions,
        repeats=repeated,
        fields=tuple(sorted(fields, key=lambda one: one.rank)),
        not_compared=not_compared,
        left_out=live.left_out,
    )


@dataclass(frozen=True, slots=True)
class _Eye:
    """Looks at what a package was asked on a route."""

    logs: tuple[Path, ...]
    route: str
    package: Package

    def window(self, since: datetime, until: datetime) -> Window | None:
        """Return what was asked and answered; None where nothing was."""
        known = windows(self.logs, self.route, since, until, str(self.package.digest))
        # What is long ago is by the day: a day may be on one side of `since`, and on no other.
        found = [one for one in known if since <= one.start and one.start < until]
        found = [one for one in found if one.end <= _hour(until) + HOUR]
        whole = merged(found) if found else None
        return whole if whole is not None and whole.decisions else None

    def repeats(self, since: datetime, until: datetime) -> float:
        """Return how many rows count as one."""
        return repeats(self.logs, self.route, str(self.package.digest), since, until)

    def references(
        self, since: datetime, until: datetime, wanted: Against | None
    ) -> tuple[Against, dict[Key, Reference]]:
        """Return what each field is held against.

        What training data says nothing of, such as most outputs, is held against the window
        before.
        """
        known = {} if wanted is Against.PREVIOUS else training(self.package)
        if wanted is Against.TRAINING and not known:
            raise _no_training(self.package)
        start = _hour(since - (until - since))
        window = self.window(start, since)
        before = {} if window is None else previous(window, self.repeats(start, since))
        if not known and not before:
            raise _nothing_before(self.route, self.package, start, since)
        return (Against.TRAINING if known else Against.PREVIOUS), {**before, **known}


def compared(
    live: Window, references: Mapping[Key, Reference], repeated: float
) -> tuple[list[FieldDrift], dict[str, str]]:
    """Return the fields that have a reference, and why the others were not compared."""
    found: list[tuple[FieldProfile, Reference, Measured]] = []
    not_compared: dict[str, str] = {}
    for field in live.fields:
        reference = references.get((field.side, field.name))
        if reference is None:
            not_compared[field.name] = "nothing is known of it from before"
            continue
        result = measured(reference, field, repeated)
        if isinstance(result, str):
            not_compared[field.name] = result
        else:
            found.append((field, reference, result))
    sure = iter(holm([test.p_value for _, _, one in found for test in one.tests], RISK))
    tests = max(1, sum(len(one.tests) for _, _, one in found))
    fields = []
    for field, reference, one in found:
        rows = reference.rows / reference.repeats, field.rows / repeated
        fields.append(
            FieldDrift(
                name=field.name,
                side=field.side,
                against=reference.against,
                tests=tuple(replace(test, is_sure=next(sure)) for test in one.tests),
                rows=(int(rows[0]), int(rows[1])),
                noise=noise(RISK / tests, *rows),
                figures=one.figures,
                bars=one.bars,
            )
        )
    return fields, not_compared


def _hour(time: datetime) -> datetime:
    """Return the beginning of an hour: profiles are by the hour."""
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _told(since: datetime, until: datetime) -> str:
    return f"from {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"


def _no_decisions(route: str, package: Package, since: datetime, until: datetime) -> NotFound:
    return NotFound(
        f"expected answers of `{package.reference}` on `{route}` {_told(since, until)}, found none",
        code="drift/no-decisions",
        hint=f"`ketch decisions --route {route}` shows the latest; `--since` looks further back, "
        "`--package` at another package",
    )


def _no_training(package: Package) -> NotFound:
    return NotFound(
        f"expected a data sample with columns named as inputs in `{package.reference}`, found none",
        code="drift/no-reference",
        hint="name a `sample` under `[data.…]` and pack anew, or use `--against previous`",
    )


def _nothing_before(route: str, package: Package, since: datetime, until: datetime) -> NotFound:
    return NotFound(
        f"expected answers of `{package.reference}` on `{route}` {_told(since, until)} "
        "to hold later ones against, found none",
        code="drift/no-reference",
        hint="a shorter time after `--since` is held against a shorter one before it; a package "
        "with a data `sample` is held against that",
    )
