"""Verbs of the registry, killed or refused by the disk at each step they take.

A verb happened or it did not; the log is whole, every table says what the log says, and the
same verb again comes to the same end.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults import harness
from tests.faults.workplace import KETCH, NEW, OLD, Workplace

from ketch.package import open_package
from ketch.registry import Registry, check_registry, open_database
from ketch.runtime import Home

pytestmark = pytest.mark.faults

ROUTE = "prices"
REASON = ("--reason", "of a test")
ON_ROUTE = ("--route", ROUTE, *REASON)

Arms = dict[str, str]

PUSHED = (("push", OLD),)
STAGED = (*PUSHED, ("push", NEW), ("promote", OLD, "staging", *ON_ROUTE))
IN_PROD = (
    *STAGED,
    ("promote", OLD, "prod", "--override", *ON_ROUTE),
    ("promote", NEW, "prod", "--override", *ON_ROUTE),
)

VERBS: dict[str, tuple[Sequence[Sequence[str]], Sequence[str], Arms, Arms]] = {
    "push": (PUSHED, ("push", NEW), {}, {}),
    "promote": (
        STAGED,
        ("promote", NEW, "staging", *ON_ROUTE),
        {"staging": OLD},
        {"staging": NEW},
    ),
    "rollback": (IN_PROD, ("rollback", ROUTE, "--to", OLD, *REASON), {"prod": NEW}, {"prod": OLD}),
}
"""Verb → what comes before it, its arguments, and who answers before and after it."""


@pytest.fixture(params=VERBS)
def work(request: pytest.FixtureRequest, workplace: Workplace, tmp_path: Path) -> harness.Work:
    before, arguments, as_it_was, as_it_becomes = VERBS[request.param]
    prepared = tmp_path / "prepared"
    prepared.mkdir()
    subprocess.run(["cp", "-a", f"{workplace.finished}/.", prepared], check=True)
    for earlier in before:
        workplace.ketch(prepared, *earlier)

    def prepare(folder: Path) -> None:
        folder.mkdir(parents=True)
        subprocess.run(["cp", "-a", f"{prepared}/.", folder], check=True)

    def argv(folder: Path) -> list[str | Path]:
        return [KETCH, *arguments]

    def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
        wrong = list(workplace.wrong(folder))
        home = Home(folder / "home")
        with closing(open_database(f"sqlite:///{home.path / 'registry.db'}")) as database:
            registry = Registry(database, lambda digest: open_package(digest, home.store))
            held = home.store.size
            found = check_registry(database, has_blob=lambda digest: held(digest) is not None)
            wrong += [finding.message for finding in found.findings]
            published = {version.reference for version in registry.versions().items}
            arms = {
                str(arm.place): arm.package for route in registry.routes() for arm in route.arms
            }
        expected = [as_it_becomes] if finished else [as_it_was, as_it_becomes]
        wrong += [] if arms in expected else [f"answering are {arms}, not one of {expected}"]
        if not {OLD} <= published or (finished and NEW not in published):
            wrong.append(f"published are {sorted(published)}")
        return wrong

    return harness.Work(argv, check, prepare, workplace.variables)


def test_killed_anywhere(work: harness.Work, tmp_path: Path) -> None:
    assert harness.kill_everywhere(work, tmp_path, most=4) == []


@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_refused_anywhere(work: harness.Work, tmp_path: Path, error: str) -> None:
    calls = harness.ALLOCATING
    assert harness.refuse_everywhere(work, tmp_path, calls=calls, error=error, most=4) == []
