"""Verbs of the registry, killed or refused by the disk at each step they take.

A verb happened or it did not; the log is whole, every table says what the log says, every
version that is published has its bytes and keeps them, and the same verb again comes to the
same end. With a hub both sides are watched: all is killed at once, or the one that makes
the change, and the other has to cope.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tests.faults import harness
from tests.faults.hub import teamwork
from tests.faults.workplace import KETCH, NEW, OLD, Workplace

from ketch.package import open_package
from ketch.registry import Registry, check_registry, open_database
from ketch.store import LocalStore, fsck

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
    "first push": ((), ("push", NEW), {}, {}),
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


def work_of(verb: str, workplace: Workplace, folder: Path, *, hub: bool) -> harness.Work:
    """Return the work of a verb, at the registry of this machine or at a hub."""
    before, arguments, as_it_was, as_it_becomes = VERBS[verb]
    published = {one for name, one, *_ in before if name == "push"}

    def command(at: Path, arguments: Sequence[str]) -> list[str | Path]:
        if hub:
            return [sys.executable, teamwork.__file__, at, *arguments]
        return [KETCH, *arguments]

    prepared = folder / "prepared"
    prepared.mkdir()
    subprocess.run(["cp", "-a", f"{workplace.finished}/.", prepared], check=True)
    for earlier in before:
        workplace.run(prepared, *command(prepared, earlier))

    def prepare(at: Path) -> None:
        at.mkdir(parents=True)
        subprocess.run(["cp", "-a", f"{prepared}/.", at], check=True)

    def check(at: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
        wrong = list(workplace.wrong(at))
        expected = [as_it_becomes] if finished else [as_it_was, as_it_becomes]
        known = {*published, NEW} if finished else published
        wrong += wrong_at(at / ("hub" if hub else "home"), expected, known)
        return wrong

    return harness.Work(
        lambda at: command(at, arguments),
        check,
        prepare,
        workplace.variables,
        lasts=harness.database_lasts,
    )


def wrong_at(home: Path, expected: Sequence[Arms], known: set[str]) -> Iterator[str]:
    """Yield what is wrong with a registry and its bytes.

    Args:
        home: The home of a person or of a hub.
        expected: Who may answer.
        known: What has to be published.
    """
    if not (home / "registry.db").exists():
        yield from [f"published is nothing, not {sorted(known)}"] if known else []
        return
    store = LocalStore(home / "store")
    yield from (one.message for one in fsck(store).findings if one.blocks)
    with closing(open_database(f"sqlite:///{home / 'registry.db'}")) as database:
        registry = Registry(database, lambda digest: open_package(digest, store))
        found = check_registry(database, has_blob=lambda digest: store.size(digest) is not None)
        yield from (finding.message for finding in found.findings)
        versions = registry.versions().items
        arms = {str(arm.place): arm.package for route in registry.routes() for arm in route.arms}
    for version in versions:
        open_package(version.digest, store).verify_bytes()
        tag = store.resolve(version.reference)
        if tag is None or tag.digest != version.digest:
            yield f"{version.reference} is published, and the store could collect it"
    if arms not in expected:
        yield f"answering are {arms}, not one of {expected}"
    if not known <= {version.reference for version in versions} <= {*known, NEW}:
        yield f"published are {versions}, not {sorted(known)}"


class TestHere:
    """At the registry of this machine."""

    @pytest.fixture(params=VERBS)
    def work(
        self, request: pytest.FixtureRequest, workplace: Workplace, tmp_path: Path
    ) -> harness.Work:
        return work_of(request.param, workplace, tmp_path, hub=False)

    def test_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=4) == []

    @pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
    def test_refused_anywhere(self, work: harness.Work, tmp_path: Path, error: str) -> None:
        calls = harness.ALLOCATING
        assert harness.refuse_everywhere(work, tmp_path, calls=calls, error=error, most=4) == []

    def test_refused_sync_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        calls = harness.SYNCING
        assert harness.refuse_everywhere(work, tmp_path, calls=calls, error="EIO", most=6) == []


class TestHub:
    """At a hub: all that a verb changes here and there.

    The first push to an empty hub, from its first byte on, is in ``hub_oci/test_bytes.py``.
    """

    @pytest.fixture(params=["push", "promote", "rollback"])
    def work(
        self, request: pytest.FixtureRequest, workplace: Workplace, tmp_path: Path
    ) -> harness.Work:
        return work_of(request.param, workplace, tmp_path, hub=True)

    def test_all_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=3, steady=0.5) == []

    @pytest.mark.thorough
    def test_one_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_one_everywhere(work, tmp_path, most=3, steady=0.5) == []


def test_a_log_that_does_not_last_is_noticed() -> None:
    """Written after its last sync, or kept under a name that was never synced."""
    log, database, folder = "/runs/registry.db-wal", "/runs/registry.db", "/runs"

    def changes(*lines: tuple[str, str]) -> list[harness.Change]:
        return [harness.Change(call, (path,)) for call, path in (("openat", database), *lines)]

    begun = (("openat", log), ("pwrite64", log), ("fdatasync", log))
    ended = (("pwrite64", database), ("fdatasync", database), ("unlink", log))
    assert harness.database_lasts(changes(*begun, ("fdatasync", folder)))
    assert harness.database_lasts(changes(*begun, *ended))
    assert not harness.database_lasts(changes(*begun))
    assert not harness.database_lasts(changes(*begun, ("fdatasync", folder), ("pwrite64", log)))
    assert not harness.database_lasts(changes(*begun, *ended[::2]))
    assert not harness.database_lasts(changes(("openat", f"{database}-journal"), *begun, *ended))
