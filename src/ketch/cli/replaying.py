"""Which rows packages are asked, as a command says it: a file, or what a route was asked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ketch.cli.times import instant
from ketch.errors import KetchError, UsageError
from ketch.runtime import Home

if TYPE_CHECKING:
    from ketch.compare.questions import Asked
    from ketch.package import Package

_DEFAULT = "1d"


@dataclass(frozen=True, slots=True)
class Replaying:
    """Decisions to be replayed, as a command names them.

    Attributes:
        route: Whose; None for none.
        since, until: From when on, and until when; by default the last day.
        logs: The folders of logs in place of that of the home.
    """

    route: str | None = None
    since: str | None = None
    until: str | None = None
    logs: Sequence[str] | None = None

    def check(self, inputs: Path | None) -> None:
        """Refuse what makes no sense together.

        Raises:
            UsageError: ``usage/arguments``.
        """
        if self.route is not None and inputs is not None:
            raise UsageError("expected `--inputs` or `--route`, found both", code="usage/arguments")
        given = {"--since": self.since, "--until": self.until, "--log": self.logs}
        alone = [flag for flag, value in given.items() if value]
        if self.route is None and alone:
            raise UsageError(
                f"expected `--route` with `{alone[0]}`, found none",
                code="usage/arguments",
                hint="`ketch status` lists the routes",
            )

    def asked(self, home: Home, packages: Sequence[Package]) -> Asked | None:
        """Return the questions; None where no route is named.

        Raises:
            UsageError: ``usage/time``; ``compare/no-decisions``, ``compare/no-inputs``.
            NotFound: ``decisions/no-log``.
        """
        if self.route is None:
            return None
        from ketch.compare.replay import replayed  # a database
        from ketch.monitor.logs import log_folders

        since = instant(self.since or _DEFAULT)
        until = datetime.now(UTC) if self.until is None else instant(self.until)
        if since >= until:
            raise UsageError(
                f"expected `--since` before `--until`, found {since:%Y-%m-%d %H:%M} and "
                f"{until:%Y-%m-%d %H:%M} UTC",
                code="usage/time",
            )
        logs = log_folders(home.path, self.logs or ())
        try:
            return replayed(logs, self.route, _whole(since), _whole(until), packages)
        except UsageError as wrong:
            if wrong.code == "compare/no-decisions":
                wrong.hint = _nearest(self.route, home) or wrong.hint
            raise


def _nearest(route: str, home: Home) -> str | None:
    """Return which route was meant, where the registry knows one that is spelled alike."""
    from ketch.schema import did_you_mean

    names: list[str] = []
    with suppress(KetchError), home.desk() as desk:  # a registry that is away hides no mistake
        names = [one.name for one in desk.routes()]
    return None if route in names else did_you_mean(route, names)


def _whole(when: datetime) -> datetime:
    """Return a time in whole milliseconds, as it is told: to ask for it finds the same."""
    return when.replace(microsecond=when.microsecond // 1000 * 1000)
