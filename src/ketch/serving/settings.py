"""How packages are served: the flags of ``ketch serve``, and a file for what each package needs.

The file is TOML and named on the command line, never looked for::

    deadline_s = 10.0            # how long a request may take; the default for every package

    [packages.recommender]
    workers = 2                  # by default as many as the load asks for
    memory_mb = 800              # of one worker; by default what the package declares
    deadline_s = 2.0
    max_rows = 1024              # of one call at most; 1 asks each request alone
    patience_s = 1.0             # a request that would wait longer for its turn is refused
    start_timeout_s = 240.0      # of one worker, with loading and the scenarios
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Self

from ketch.errors import Finding, UsageError
from ketch.package import PackageName
from ketch.schema import did_you_mean

DEADLINE_S = 10.0
MOST_ROWS = 1024
PATIENCE_S = 1.0
START_TIMEOUT_S = 240.0
KEEP_DAYS = 760
_MOST_DAYS = 36_500


@dataclass(frozen=True, slots=True)
class PackageSettings:
    """How one package is served.

    Attributes:
        workers: How many processes answer for it; None for as many as the load asks for.
        memory_mb: Most memory of one worker; None for what the package declares, or what
            follows from its size after the start.
        deadline_s: How long a request may take.
        max_rows: Most rows of one call to a worker.
        patience_s: A request that would wait longer for its turn is refused at once.
        start_timeout_s: How long a worker may take to load the package and to answer its
            scenarios.
    """

    workers: int | None = None
    memory_mb: float | None = None
    deadline_s: float = DEADLINE_S
    max_rows: int = MOST_ROWS
    patience_s: float = PATIENCE_S
    start_timeout_s: float = START_TIMEOUT_S


_BOUNDS: Mapping[str, tuple[float, float]] = {
    "workers": (1, 256),
    "memory_mb": (16, 1_048_576),
    "deadline_s": (0.01, 3_600),
    "max_rows": (1, 10_000),
    "patience_s": (0.001, 600),
    "start_timeout_s": (1, 86_400),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``ketch serve`` was asked for.

    Attributes:
        references: The packages to serve; none to follow the registry.
        staging: Whether this is the staging machine.
        common: How a package is served that nothing else is said about.
        packages: How others are, by name.
        shadow: Whether what stands at staging gets copies of live requests.
        log_decisions: Whether every answer is written to the decision log.
        durable: Whether an answer waits until its decision is on the disk.
        keep_days: How long decisions and outcomes are kept, in days.
        keep_rows_days: How long their inputs and outputs are; None for as long.
        decisions_to: The bucket that sealed decisions are sent to; None for none.
        unit_key: A file with the key that units are hashed with; None for one that is drawn.
        guard: Whether a guard watches rollouts, where decisions are logged.
        offline: Use only libraries and interpreters that lie on this machine.
    """

    references: tuple[str, ...] = ()
    staging: bool = False
    common: PackageSettings = field(default_factory=PackageSettings)
    packages: Mapping[str, PackageSettings] = field(default_factory=dict)
    shadow: bool = True
    log_decisions: bool = True
    durable: bool = False
    keep_days: int = KEEP_DAYS
    keep_rows_days: int | None = None
    decisions_to: str | None = None
    unit_key: Path | None = None
    guard: bool = True
    offline: bool = False

    @property
    def guards(self) -> bool:
        """Whether there may be rollouts here, and there is a log to judge them by."""
        follows = not self.references and not self.staging
        return self.guard and self.log_decisions and follows

    @property
    def keeps_rows(self) -> int:
        """How long inputs and outputs are kept, in days."""
        return self.keep_days if self.keep_rows_days is None else self.keep_rows_days

    def of(self, name: PackageName | str) -> PackageSettings:
        """Return how a package is served."""
        return self.packages.get(str(name), self.common)

    def checked(self) -> Self:
        """Return these settings.

        Raises:
            UsageError: ``serve/settings``: a number is out of its range, or packages are named
                where the registry says what is served; all of it is told.
        """
        findings: list[Finding] = []
        given = {name: value for name, value in asdict(self.common).items() if value is not None}
        _package(self.common, given, _flag, findings)
        if self.staging and self.references:
            message = f"expected no package beside `--stage staging`, found `{self.references[0]}`"
            hint = "it serves what the registry has at staging; without it, packages by name"
            findings.append(Finding("serve/settings", message, "--stage", hint))
        for flag, days in (("--keep-days", self.keep_days), ("--keep-rows-days", self.keeps_rows)):
            if not 1 <= days <= _MOST_DAYS:
                message = f"expected 1 to {_MOST_DAYS} days, found `{days}`"
                findings.append(Finding("serve/settings", message, flag))
        if self.decisions_to is not None and not self.log_decisions:
            message = "expected decisions to be logged, found `--no-log-decisions`"
            findings.append(Finding("serve/settings", message, "--decisions-to"))
        _raise(findings)
        return self

    def read(self, path: Path) -> Self:
        """Return these settings with what a file says.

        Raises:
            UsageError: ``serve/settings``, with every finding.
        """
        try:
            table = tomllib.loads(path.read_bytes().decode())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(
                f"expected settings in TOML, found: {getattr(error, 'strerror', None) or error}",
                code="serve/settings",
                where=str(path),
            ) from error
        findings: list[Finding] = []
        packages = table.pop("packages", {})
        common = _package(self.common, table, _key(str(path)), findings)
        if not isinstance(packages, dict):
            message = "expected a table of packages"
            findings.append(Finding("serve/settings", message, f"{path}: packages"))
            packages = {}
        named = {
            name: _package(common, body, _key(f"{path}: packages.{name}"), findings)
            for name, body in packages.items()
        }
        _raise(findings)
        return replace(self, common=common, packages=named)


def _raise(findings: Sequence[Finding]) -> None:
    if findings:
        first = findings[0]
        raise UsageError(
            first.message,
            code="serve/settings",
            where=first.where,
            hint=first.hint,
            findings=findings,
        )


def _key(table: str) -> Callable[[str], str]:
    """Return what names the place of a key in a table; that of no key is the table's."""
    return lambda name: f"{table}: {name}" if name else table


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _package(
    default: PackageSettings, body: object, where: Callable[[str], str], findings: list[Finding]
) -> PackageSettings:
    if not isinstance(body, dict):
        findings.append(Finding("serve/settings", "expected a table of settings", where("")))
        return default
    found: dict[str, int | float] = {}
    for name, value in body.items():
        kind = _KINDS.get(name)
        if kind is None:
            message = f"unknown key `{name[:60]}`"
            findings.append(
                Finding("serve/settings", message, where(""), did_you_mean(name, list(_KINDS)))
            )
            continue
        low, high = _BOUNDS[name]
        is_number = type(value) is int or (kind is float and type(value) is float)
        if not is_number or not low <= value <= high:
            message = f"expected {_A[kind]} from {low} to {high}, found `{str(value)[:40]}`"
            findings.append(Finding("serve/settings", message, where(name)))
        else:
            found[name] = kind(value)
    return replace(default, **found)  # type: ignore[arg-type] # each has the kind of its field


_KINDS: Mapping[str, type[int | float]] = {
    one.name: float if "float" in str(one.type) else int for one in fields(PackageSettings)
}
_A = {int: "a whole number", float: "a number"}
