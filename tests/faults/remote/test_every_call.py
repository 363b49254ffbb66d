"""A pull and a push, killed or refused by the disk at each change that they make here."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import packages
from tests.faults import harness

from ketch.package import Package, open_package
from ketch.store import LocalStore, fsck, gc

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.usefixtures("supervised")]

KETCH = Path(sys.executable).with_name("ketch")
TAG = "hello:1.0.0"
LARGE = 40_000_000


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A package with a file that goes in chunks and one that goes whole."""
    store = LocalStore(tmp_path_factory.mktemp("source") / "store")
    files = {"model/large.bin": os.urandom(LARGE), "model/small.bin": os.urandom(3_000_000)}
    made = open_package(packages.put(store, packages.files() | files), store)
    store.tag(TAG, made.descriptor)
    return made


@pytest.fixture(scope="module")
def source(package: Package) -> LocalStore:
    """The store that has it."""
    assert isinstance(package.source, LocalStore)
    return package.source


@pytest.fixture(scope="module")
def pushed(registry: str, source: LocalStore) -> str:
    """Where it can be pulled from."""
    address = f"oci://{registry}/every/{secrets.token_hex(4)}"
    work = harness.Work(
        argv=lambda _: [KETCH, "push", TAG, address],
        check=lambda *_: [],
        variables=lambda _: {"KETCH_HOME": str(source.root.parent)},
    )
    folder = source.root.parent / "nowhere"
    folder.mkdir()
    assert harness.watch(work, folder).status == 0
    return f"{address}:1.0.0"


def wrong(folder: Path, package: Package, *, finished: bool) -> Iterator[str]:
    """Yield what is wrong with the store of a workplace."""
    store = LocalStore(folder / "home" / "store")
    yield from (f"fsck: {one.message}" for one in fsck(store).findings if one.blocks)
    named = store.resolve(TAG)
    if named is not None and named.digest != package.digest:
        yield f"{TAG} is {named.digest}"
    if finished and named is None:
        yield f"no {TAG}"


@pytest.fixture
def pull(pushed: str, package: Package) -> harness.Work:
    def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 # the harness calls it so
        return list(wrong(folder, package, finished=finished))

    return harness.Work(
        argv=lambda _: [KETCH, "pull", pushed],
        check=check,
        variables=lambda folder: {"KETCH_HOME": str(folder / "home")},
    )


@pytest.fixture
def push(registry: str, source: LocalStore, package: Package) -> harness.Work:
    """Each attempt has a copy of the store, and a repository of its own."""

    def prepare(folder: Path) -> None:
        folder.mkdir(parents=True)
        shutil.copytree(source.root.parent, folder / "home", copy_function=os.link)
        (folder / "home" / "store" / "index.json").unlink()
        shutil.copy(source.root / "index.json", folder / "home" / "store" / "index.json")

    def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 # the harness calls it so
        del finished
        return list(wrong(folder, package, finished=False))

    name = secrets.token_hex(4)
    return harness.Work(
        argv=lambda folder: [KETCH, "push", TAG, f"oci://{registry}/{name}/{folder.name.lower()}"],
        check=check,
        prepare=prepare,
        variables=lambda folder: {"KETCH_HOME": str(folder / "home")},
        caches=("/uploads",),
    )


def test_a_pull_killed_at_any_change_leaves_a_whole_store(
    pull: harness.Work, tmp_path: Path
) -> None:
    assert harness.kill_everywhere(pull, tmp_path, most=14, steady=0.5) == []


def test_a_pull_whose_disk_is_full_at_any_change_says_so(
    pull: harness.Work, tmp_path: Path
) -> None:
    problems = harness.refuse_everywhere(
        pull, tmp_path, calls=harness.ALLOCATING, error="ENOSPC", most=8, steady=0.5
    )
    assert problems == []


def test_a_pull_whose_disk_fails_to_sync_keeps_nothing(pull: harness.Work, tmp_path: Path) -> None:
    problems = harness.refuse_everywhere(
        pull, tmp_path, calls=harness.SYNCING, error="EIO", most=6, steady=0.5
    )
    assert problems == []


def test_nothing_that_was_pulled_is_relied_on_before_it_is_on_the_disk(
    pull: harness.Work, tmp_path: Path
) -> None:
    changes = harness.trace(pull, tmp_path / "clean")
    assert harness.unsynced(changes, tmp_path / "clean" / "home" / "store") == []
    assert sum("rename" in change.call for change in changes) > 9
    temporary = LocalStore(tmp_path / "clean" / "home" / "store").layout.temporary
    assert list(temporary.iterdir()) == [], "and nothing is left"


def test_a_pull_onto_disks_of_any_size(pull: harness.Work, tmp_path: Path) -> None:
    assert harness.full_at(pull, tmp_path / "disks", [200, 4_000, 30_000, 43_000]) == []


def test_a_push_killed_at_any_change_is_ended_by_the_next(
    push: harness.Work, tmp_path: Path
) -> None:
    assert harness.kill_everywhere(push, tmp_path, most=8, steady=0.5) == []


def test_a_push_that_can_remember_nothing_is_a_push(push: harness.Work, tmp_path: Path) -> None:
    """What is remembered of uploads is a convenience."""
    problems = harness.refuse_everywhere(
        push, tmp_path, calls=("write", "pwrite64"), error="ENOSPC", most=6, steady=0.5
    )
    assert problems == []


def test_what_a_killed_pull_left_is_cleared_after_an_hour(
    pull: harness.Work, tmp_path: Path, package: Package
) -> None:
    def killed_at(folder: Path) -> int:
        changes = harness.trace(pull, folder)
        shutil.rmtree(folder)
        return next(
            at for at, change in enumerate(changes, 1) if change.call in {"rename", "renameat2"}
            and "/blobs/sha256/" in change.paths[-1]
        )  # fmt: skip

    folder = tmp_path / "runs" / "left"
    folder.parent.mkdir()
    at = killed_at(folder) // 2  # how many pieces arrive differs from run to run
    pull.prepare(folder)
    assert harness.watch(pull, folder, at, "group").status < 0
    store = LocalStore(folder / "home" / "store")
    assert list(store.layout.temporary.glob("*.part"))
    assert gc(store).leftovers == ()
    assert len(gc(store, grace_s=-60).leftovers) > 1
    assert list(store.layout.temporary.iterdir()) == []
