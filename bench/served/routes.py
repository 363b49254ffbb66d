"""Routes of a registry, for gateways that follow one."""

from __future__ import annotations

from ketch.package import Package, PackageName, Reference, Stage
from ketch.registry import Desk, Policy
from ketch.runtime import Home

REASON = "for the benchmark"


def published(home: Home, *references: str, unit: str | None = None) -> str:
    """Publish versions of one package, give their route its rules, and return its name.

    What has been published before stays as it is.
    """
    found = [_open(home, reference) for reference in references]
    route = str(found[0].manifest.route)
    rules = "approvals = 0\nexperiment = false\n" + (f'unit = "{unit}"\n' if unit else "")
    with home.desk() as desk:
        for package in found:
            desk.publish(PackageName(str(package.manifest.name)), package.digest)
        if not any(one.name == route for one in desk.routes()):
            desk.set_policy(route, Policy.parse(rules.encode(), where="policy"), reason=REASON)
    return route


def to_prod(desk: Desk, reference: str) -> None:
    """Bring a package to prod, past staging."""
    for stage in (Stage.STAGING, Stage.PROD):
        desk.promote(Reference.parse(reference), stage, reason=REASON)


def _open(home: Home, reference: str) -> Package:
    return home.open(Reference.parse(reference))
