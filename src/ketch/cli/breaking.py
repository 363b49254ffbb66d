"""What a command asks of a route: what broke around a time, or why a decision went as it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ketch.cli.printer import Printer
from ketch.cli.times import instant
from ketch.errors import UsageError
from ketch.runtime import Home


@dataclass(frozen=True, slots=True)
class Breaking:
    """An incident, as a command names it.

    Attributes:
        route: Where; None for nowhere.
        at, metric, window: When, what and how far back; None for what is usual.
        decision: The decision that is asked for; None for none.
    """

    route: str | None
    at: str | None = None
    metric: str | None = None
    window: str | None = None
    decision: str | None = None

    def check(self, b: str | None, of_packages: Mapping[str, object]) -> None:
        """Refuse what makes no sense together.

        Args:
            b: The second package, where there is one.
            of_packages: Options that belong to two packages.

        Raises:
            UsageError: ``usage/arguments``.
        """
        mine = {
            "--at": self.at,
            "--metric": self.metric,
            "--window": self.window,
            "--decision": self.decision,
        }
        if b is not None and (given := _given(mine)):
            raise _wrong(f"expected `{given[0]}` with a route alone, found a second package `{b}`")
        if b is None and (given := _given(of_packages)):
            raise _wrong(f"expected two packages with `{given[0]}`, found fewer")
        if b is None and self.decision is None and self.route is None:
            raise _wrong("expected two packages, or a route, found neither")
        of_time = {"--at": self.at, "--metric": self.metric}
        if self.decision is not None and (given := _given(of_time)):
            raise _wrong(f"expected `--decision` or `{given[0]}`, found both")
        if b is None and self.route is not None and any(sign in self.route for sign in ":@/."):
            raise _wrong(
                f"expected a second package beside `{self.route}`, or a route alone, found neither"
            )

    def explain(
        self, printer: Printer, home: Home, logs: Sequence[str] | None, *, offline: bool
    ) -> int:
        """Say what broke, or why a decision went as it did.

        Raises:
            UsageError: ``usage/time``, ``usage/span``; ``compare/no-metric``; ``decisions/id``.
            NotFound: ``route/not-found``; ``decisions/…``.
        """
        from ketch.cli.incident_told import incident_text, story_text  # a database
        from ketch.compare.incident import Asked, explain_decision, explain_incident
        from ketch.compare.incident.period import WINDOW
        from ketch.monitor.logs import log_folders
        from ketch.rollout.spans import read_span

        window: timedelta = WINDOW if self.window is None else read_span(self.window)
        folders = log_folders(home.path, logs or ())
        with printer.progress() as progress:
            if self.decision is not None:
                story = explain_decision(
                    self.decision, home, folders, window=window, offline=offline, progress=progress
                )
                _check_route(self.route, story.trace.decision.route, self.decision)
                printer.show(story.to_json(), story_text(story))
                return 0
            at = None if self.at is None else instant(self.at, ends=True)
            asked = Asked(str(self.route), at, self.metric, window)
            with home.desk() as desk:
                found = explain_incident(asked, folders, desk, home=home, progress=progress)
        printer.show(found.to_json(), incident_text(found))
        return 0


def _given(options: Mapping[str, object]) -> list[str]:
    return [name for name, value in options.items() if value is not None]


def _check_route(said: str | None, made: str, decision: str) -> None:
    """Refuse a decision of another route than the one that was named."""
    if said is not None and said != made:
        raise _wrong(f"expected a decision of `{said}`, found one of `{made}`: `{decision}`")


def _wrong(message: str) -> UsageError:
    hint = "`ketch explain A B` compares packages, `ketch explain ROUTE --at TIME` looks at a route"
    return UsageError(message, code="usage/arguments", hint=hint)
