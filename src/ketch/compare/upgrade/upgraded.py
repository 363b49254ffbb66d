"""What an upgrade came to, as a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ketch.compare.explain import Explanation
from ketch.compare.upgrade.advisories import Advisory
from ketch.compare.upgrade.effects import changing, effect
from ketch.compare.upgrade.moves import Kind, Move
from ketch.errors import Finding
from ketch.package import Package
from ketch.verify import Report


@dataclass(frozen=True)
class Upgraded:
    """What an upgrade came to.

    Attributes:
        package: The package as it is.
        said: What the person called it.
        libraries: How many libraries its lock has.
        changes: What moves, what is held back, and what an advisory speaks of; by name.
        candidate: The package with the newer lock that was kept; None where there is none.
        behaviour: How the answers of what was tried last differ; None where nothing was run.
        report: What its verification found.
        advisories: Those that the package is affected by; None where no file was named.
        findings: What else is worth saying; what blocks makes the command fail.
        checked: Whether only the versions were asked for, and nothing was tried.
        named: The libraries that were asked for; without any, all were.
        folder: Whether the package is a folder, whose candidate has no name.
        written: Whether the lock was written into the folder.
        duration_s: How long it took.
    """

    package: Package
    said: str
    libraries: int
    changes: tuple[Move, ...] = ()
    candidate: Package | None = None
    behaviour: Explanation | None = None
    report: Report | None = None
    advisories: tuple[Advisory, ...] | None = None
    findings: tuple[Finding, ...] = ()
    checked: bool = False
    named: tuple[str, ...] = ()
    folder: bool = False
    written: bool = False
    duration_s: float = 0.0

    @property
    def moved(self) -> tuple[Move, ...]:
        """What has another version in the candidate."""
        return tuple(one for one in self.changes if one.kind is not Kind.KEPT)

    @property
    def held(self) -> tuple[Move, ...]:
        """What is not at a version that it could, or should, have."""
        return tuple(one for one in self.changes if one.held is not None)

    @property
    def unfixed(self) -> tuple[Move, ...]:
        """What an advisory speaks of, and could not be moved."""
        return tuple(one for one in self.held if one.advisories)

    @property
    def passed(self) -> bool:
        """Whether all is well: nothing was to do, or a candidate was kept."""
        return not any(finding.blocks for finding in self.findings)

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch upgrade --json``."""
        return {
            "package": _named(self.package),
            "candidate": None if self.candidate is None else _named(self.candidate),
            "changes": [one.to_json() for one in self.changes],
            "verified": self.report is not None and self.report.passed,
            "behaviour": None if self.behaviour is None else _behaviour(self.behaviour),
            "advisories": None if self.advisories is None else list(_told(self.advisories)),
            "findings": [finding.to_json() for finding in self.findings],
            "libraries": self.libraries,
            "checked": self.checked,
            "written": self.written,
            "report": None if self.report is None else self.report.to_json(),
            "duration_s": round(self.duration_s, 3),
        }


def _named(package: Package) -> dict[str, object]:
    manifest = package.manifest
    return {
        "name": str(manifest.name),
        "version": str(manifest.version),
        "digest": str(package.digest),
    }


def _behaviour(found: Explanation) -> dict[str, object]:
    causes = [{**one.to_json(), "message": effect(found, one.name)} for one in changing(found)]
    return {
        "rows": found.rows,
        "changed": found.changed,
        "outputs": dict(found.fields),
        "causes": causes,
    }


def _told(advisories: Iterable[Advisory]) -> Iterable[dict[str, object]]:
    for one in advisories:
        yield {"id": one.id, "library": one.library, "summary": one.summary}
