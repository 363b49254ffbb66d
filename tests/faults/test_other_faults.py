"""Other commands that change things, killed or refused at each step they take."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.faults import harness
from tests.faults.workplace import (
    KETCH,
    LOCK,
    NEW,
    OLD,
    Workplace,
    leftovers,
    listing,
)

from ketch.package import Digest, open_package
from ketch.runtime import Home
from ketch.store import LocalStore, fsck

pytestmark = pytest.mark.faults

MAKE_ENVIRONMENT = """
import sys
from pathlib import Path
from ketch.cli.printer import Printer
from ketch.env import Lock
from ketch.errors import KetchError
from ketch.runtime import Home
try:
    lock = Lock.parse(Path(sys.argv[1]).read_text())
    Home.default().environments.ensure(lock, offline=True)
except KetchError as problem:
    Printer().error(problem)
    sys.exit(problem.exit_status)
"""
COLLECT_LATER = """
import sys
from datetime import UTC, datetime, timedelta
from ketch.cli.printer import Printer
from ketch.errors import KetchError
from ketch.runtime import Home, clean_up
try:
    clean_up(Home.default(), now=datetime.now(UTC) + timedelta(hours=2))
except KetchError as problem:
    Printer().error(problem)
    sys.exit(problem.exit_status)
"""


def prepared(workplace: Workplace, folder: Path) -> None:
    """Copy a workplace in which `shop:1.0.0` is packed and verified."""
    folder.mkdir(parents=True)
    subprocess.run(["cp", "-a", f"{workplace.finished}/.", folder], check=True)


class TestEnvironment:
    """An environment stands under its name only when every file was written to its end."""

    @pytest.fixture
    def work(self, workplace: Workplace) -> harness.Work:
        lock = workplace.finished / "project" / LOCK
        (key,) = set(Home(workplace.finished / "home").environments.keys()) - set(
            Home(workplace.template / "home").environments.keys()
        )

        def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
            wrong = list(workplace.wrong(folder))
            if finished and key not in Home(folder / "home").environments.keys():  # noqa: SIM118
                wrong.append("there is no environment")
            return wrong

        def argv(_: Path) -> list[str | Path]:
            return [sys.executable, "-c", MAKE_ENVIRONMENT, lock]

        return harness.Work(argv, check, workplace.copy, workplace.variables)

    def test_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=4, how=("group", "parent")) == []

    @pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
    def test_refused_anywhere(self, work: harness.Work, tmp_path: Path, error: str) -> None:
        """Also where uv does not notice: it leaves half a file, and says that all went well."""
        calls = harness.ALLOCATING
        assert harness.refuse_everywhere(work, tmp_path, calls=calls, error=error, most=8) == []


class TestRecord:
    """`ketch record` changes scenario files: each is as it was, or as it has to be."""

    @pytest.fixture
    def work(self, workplace: Workplace, tmp_path: Path) -> harness.Work:
        def prepare(folder: Path) -> None:
            prepared(workplace, folder)
            scenarios = folder / "project" / "scenarios"
            (scenarios / "one.json").write_text('{"name": "one", "inputs": {"size": 7}}\n')
            (scenarios / "two.jsonl").write_text('{"name": "two", "inputs": {"size": 8}}\n')
            (scenarios / "rows.csv").write_text("size\n1\n2\n")
            (folder / "project" / LOCK).unlink()

        done = tmp_path / "done"
        prepare(done)
        before = listing(done / "project")
        workplace.ketch(done, "record", "project", "--confirm")
        after = listing(done / "project")
        assert len(set(after.items()) - set(before.items())) > 3

        def wrong(folder: Path) -> Iterator[str]:
            found = listing(folder / "project")
            for path in sorted({*before, *found}):
                is_part = path.endswith(".part") and Path(path).name.startswith(".")
                if not is_part and found.get(path) not in {before.get(path), after.get(path)}:
                    yield f"{path} is neither as before nor as it has to be"

        def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
            if not finished:
                return [*wrong(folder), *workplace.wrong(folder, files=False)]
            is_done = listing(folder / "project") == after
            return [] if is_done else ["not every file is as it has to be"]

        def argv(folder: Path) -> list[str | Path]:
            return [KETCH, "record", folder / "project", "--confirm"]

        return harness.Work(argv, check, prepare, workplace.variables)

    def test_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=4, how=("group", "parent")) == []

    def test_refused_by_a_full_disk_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        calls = harness.ALLOCATING
        assert harness.refuse_everywhere(work, tmp_path, calls=calls, error="ENOSPC", most=3) == []


class TestCollection:
    """`ketch gc` deletes what nobody needs, and never anything else: nothing published."""

    @pytest.fixture
    def work(self, workplace: Workplace, tmp_path: Path) -> harness.Work:
        published = tmp_path / "published"
        prepared(workplace, published)
        workplace.ketch(published, "push", OLD)

        def prepare(folder: Path) -> None:
            folder.mkdir(parents=True)
            subprocess.run(["cp", "-a", f"{published}/.", folder], check=True)
            home = Home(folder / "home")
            home.store.untag(NEW)
            for left in (
                home.store.layout.temporary / "0123456789abcdef" / "half",
                home.path / "run" / "1-left" / "code",
                home.environments.root / f".building-{'0' * 32}-left" / "bin",
                home.environments.root / ".trash-left" / "lib",
            ):
                left.mkdir(parents=True)
                (left / "file").write_bytes(b"left")
            (home.store.root / ".index.json.01234567.part").write_bytes(b"left")

        def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
            wrong = list(workplace.wrong(folder))
            home = Home(folder / "home")
            with home.desk() as desk:
                wrong += [finding.message for finding in desk.audit().findings]
            if finished and (left := leftovers(folder)):
                wrong.append(f"not collected: {left}")
            if finished and len(home.environments.keys()) != 1:
                wrong.append(f"environments: {home.environments.keys()}")
            if finished and home.store.size(workplace.new) is not None:
                wrong.append(f"`{NEW}` was not collected")
            return wrong

        return harness.Work(
            lambda _: [sys.executable, "-c", COLLECT_LATER], check, prepare, workplace.variables
        )

    def test_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=5) == []

    def test_failing_disk_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        """What the disk does not let go stays until the next time."""
        seen = set[Path]()

        def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
            is_again = folder in seen
            seen.add(folder)
            return work.check(folder, finished and is_again)

        calls = ("rename", "unlink", "unlinkat", "write", *harness.SYNCING)
        lenient = replace(work, check=check)
        assert harness.refuse_everywhere(lenient, tmp_path, calls=calls, error="EIO", most=3) == []


class TestRepair:
    """`ketch fsck --repair` sets damaged content aside; packing again stores it anew."""

    @pytest.fixture
    def work(self, workplace: Workplace) -> harness.Work:
        store = Home(workplace.finished / "home").store
        new, old = (
            open_package(digest, store).artifact.blobs()
            for digest in (workplace.new, workplace.old)
        )
        damaged = [workplace.new, *{blob.digest for blob in new} - {blob.digest for blob in old}]

        def prepare(folder: Path) -> None:
            prepared(workplace, folder)
            for digest in damaged:
                path = Home(folder / "home").store.layout.blob(digest)
                path.chmod(0o600)
                with path.open("r+b") as file:
                    file.write(b"damage")
                path.chmod(0o444)

        def argv(folder: Path) -> list[str | Path]:
            script = f'"{KETCH}" fsck --repair --json; exec "{KETCH}" pack "$1" -o "$2"'
            return ["/bin/sh", "-c", script, "sh", folder / "project", folder / "out" / "shop.tar"]

        def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
            wrong = list(_lost(Home(folder / "home").store, damaged))
            wrong += [] if _loads(folder, OLD) else [f"`{OLD}` does not load"]
            if finished:
                wrong += [f.message for f in fsck(Home(folder / "home").store).findings if f.blocks]
                wrong += [] if _loads(folder, NEW) == workplace.new else [f"`{NEW}` does not load"]
            return wrong

        return harness.Work(argv, check, prepare, workplace.variables)

    def test_killed_anywhere(self, work: harness.Work, tmp_path: Path) -> None:
        assert harness.kill_everywhere(work, tmp_path, most=3) == []


def _lost(store: LocalStore, damaged: list[Digest]) -> Iterator[str]:
    """Whatever is set aside can still be looked at: bytes are moved, never deleted."""
    for digest in damaged:
        aside = list(store.layout.quarantine.glob(f"{digest.hex}*"))
        if store.size(digest) is None and not aside:
            yield f"`{digest}` is neither in the store nor set aside"


def _loads(folder: Path, name: str) -> Digest | None:
    store = Home(folder / "home").store
    descriptor = store.resolve(name)
    if descriptor is None:
        return None
    open_package(descriptor.digest, store).verify_bytes()
    return descriptor.digest


def test_output_that_cannot_be_written(workplace: Workplace, tmp_path: Path) -> None:
    """The package is packed, and it is said that the answer could not be."""
    folder = tmp_path / "folder"
    workplace.copy(folder)
    environment = {**os.environ, **workplace.variables(folder)}
    for option in ("--json", "--offline"):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [KETCH, "pack", folder / "project", "--no-verify", option],
                env=environment,
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
        assert done.returncode == 3, done.stderr
        assert "`standard output`, found: No space left" in done.stderr
        assert _loads(folder, NEW) == workplace.new
    shutil.rmtree(folder)
