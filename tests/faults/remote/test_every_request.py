"""A push that is killed, or hears no answer, at each request that changes something there.

The servers are real; a proxy before each lets one request be the last. Whatever was reached,
a reader gets the whole package or none, and the same push again comes to its end.
"""

from __future__ import annotations

import io
import secrets
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests import packages
from tests.buckets import BUCKET, s3_environment
from tests.faults import harness
from tests.faults.remote.test_interrupted import Between, Home, whole
from tests.hubs import Nursery
from tests.remotes import Door, serving

from ketch.package import Attestation, open_package
from ketch.store import LocalStore, attach

pytestmark = [pytest.mark.faults, pytest.mark.servers]

NAME = "hello:1.0.0"
SIZE = 17_000_000
"""More than goes in one chunk, or one piece."""

MOST = 4


@dataclass
class Struck(Between):
    """A proxy that does something at one request that changes something.

    Attributes:
        at: Which of them; 0 for none.
        is_made: Whether the server gets it; nobody gets its answer either way.
        strike: What is done then.
        changes: What was asked for so far.
    """

    at: int = 0
    is_made: bool = False
    strike: Callable[[], None] = lambda: None
    changes: list[str] = field(default_factory=list)
    turn: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, door: Door) -> None:
        """Pass a request on, or not."""
        with self.turn:
            if door.command not in {"GET", "HEAD"}:
                self.changes.append(f"{door.command} {door.path.partition('?')[0]}")
            is_last = len(self.changes) == self.at and door.command not in {"GET", "HEAD"}
        if not is_last:
            super().__call__(door)
            return
        if self.is_made:
            client, door.wfile = door.wfile, io.BytesIO()
            super().__call__(door)
            door.wfile = client
        else:
            door.read()
        self.strike()
        door.cut()


@dataclass(frozen=True)
class Place:
    """Where a package is pushed to, and how it is read from there.

    Attributes:
        port: Of the real server.
        push: Returns the arguments and variables of a push, by way of a host.
        pull: The arguments and variables of a pull.
    """

    port: int
    push: Callable[[str], tuple[list[str], Mapping[str, str]]]
    pull: tuple[list[str], Mapping[str, str]]


Fresh = Callable[[], Place]


@pytest.fixture(
    params=[
        pytest.param("registry", marks=pytest.mark.thorough),
        pytest.param("bucket", marks=pytest.mark.thorough),
        "hub",
    ]
)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """Return what makes a place where nothing is yet."""
    if request.param == "registry":
        registry = request.getfixturevalue("registry")

        def in_registry() -> Place:
            path = f"every/{secrets.token_hex(4)}"
            return Place(
                int(registry.partition(":")[2]),
                lambda host: (["push", NAME, f"oci://{host}/{path}"], {}),
                (["pull", f"oci://{registry}/{path}:1.0.0"], {}),
            )

        yield in_registry
    elif request.param == "bucket":
        s3 = request.getfixturevalue("s3")

        def in_bucket() -> Place:
            prefix = f"s3://{BUCKET}/every/{secrets.token_hex(4)}"
            return Place(
                int(s3.rpartition(":")[2]),
                lambda host: (["push", NAME, prefix], s3_environment(f"http://{host}")),
                (["pull", f"{prefix}/{NAME}"], s3_environment(s3)),
            )

        yield in_bucket
    else:
        with hubs(tmp_path) as at_hub:
            yield at_hub


@contextmanager
def hubs(folder: Path) -> Iterator[Fresh]:
    """Yield what starts one hub after the other."""
    with closing(Nursery()) as nursery, ExitStack() as running:

        def at_hub() -> Place:
            running.close()
            served = running.enter_context(nursery.hub(folder / "hubs" / secrets.token_hex(4)))
            return Place(
                int(served.url.rpartition(":")[2]),
                lambda host: (["push", NAME], {"KETCH_HUB": f"http://{host}"}),
                (["pull", f"{served.url}/{NAME}"], {}),
            )

        yield at_hub


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> LocalStore:
    """A store with a package that was verified, and whose largest file goes in parts."""
    store = LocalStore(tmp_path_factory.mktemp("full") / "store")
    contents = packages.files() | {"model/large.bin": secrets.token_bytes(SIZE)}
    package = open_package(packages.put(store, contents), store)
    stated = Attestation(NAME, package.digest, True, {"started": "2026-11-01T00:00:00Z"})
    attach(stated, package, store)
    store.tag(NAME, package.descriptor)
    return store


class Attempts:
    """Pushes to fresh places, each with a home of its own."""

    def __init__(self, full: LocalStore, folder: Path, fresh: Fresh) -> None:
        self._full, self._folder, self._fresh = full, folder, fresh

    def clean(self) -> list[str]:
        """Push undisturbed; return the requests that changed something."""
        return self.struck(0, is_made=True, is_killed=False)[1].changes

    def struck(
        self, at: int, *, is_made: bool, is_killed: bool
    ) -> tuple[subprocess.Popen[bytes], Struck, list[str]]:
        """Push, with something happening at a request; return also what was wrong."""
        place = self._fresh()
        owner = Home(self._folder / secrets.token_hex(4), {})
        owner.path.mkdir()
        subprocess.run(["cp", "-al", self._full.root, owner.path / "store"], check=True)
        proxy = Struck(place.port, at=at, is_made=is_made)
        with serving(proxy) as server:
            arguments, variables = place.push(f"127.0.0.1:{server.server_port}")
            owner._environment |= variables
            process = owner.start(*arguments)
            if is_killed:
                proxy.strike = lambda: process.send_signal(signal.SIGKILL)
            said = process.communicate(timeout=harness.LIMIT_S)[1].decode()
            wrong = self._read(place, must=process.returncode == 0)
            if not is_killed and (process.returncode not in {0, 3} or "Traceback" in said):
                wrong.append(f"status {process.returncode}: {said}")
            again = owner.start(*arguments)
            said = again.communicate(timeout=harness.LIMIT_S)[1].decode()
            wrong += [] if again.returncode == 0 else [f"again: {said}"]
        wrong += self._read(place, must=True)
        what = proxy.changes[at - 1] if 0 < at <= len(proxy.changes) else "its end"
        return process, proxy, [f"#{at}, {what}: {one}" for one in wrong]

    def _read(self, place: Place, *, must: bool) -> list[str]:
        """Pull into a fresh home; return what was wrong: there is a whole package, or none."""
        arguments, variables = place.pull
        reader = Home(self._folder / secrets.token_hex(4), dict(variables))
        process = reader.start(*arguments)
        said = process.communicate(timeout=harness.LIMIT_S)[1].decode()
        if process.returncode == 0:
            whole(reader)
            return []
        return [] if process.returncode == 2 and not must else [f"a reader is told: {said}"]


@pytest.fixture
def attempts(full: LocalStore, tmp_path: Path, fresh: Fresh) -> Attempts:
    return Attempts(full, tmp_path, fresh)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_push_killed_at_any_request(attempts: Attempts, when: str) -> None:
    """Before the server gets it, or after it did."""
    changes = attempts.clean()
    assert len(changes) > 9
    points, problems, killed = harness.sample(range(1, len(changes) + 1), MOST), list[str](), 0
    for at in points:
        process, _, wrong = attempts.struck(at, is_made=when == "after", is_killed=True)
        killed += process.returncode == -signal.SIGKILL
        problems += wrong
    print(f"{killed} of {len(points)} killed at {len(changes)} requests")
    assert problems == []
    assert killed > 0.8 * len(points)


def test_a_push_that_hears_no_answer_to_any_request(attempts: Attempts) -> None:
    """It asks again where that is right, and else says that it does not know."""
    changes = attempts.clean()
    points = harness.sample(range(1, len(changes) + 1), MOST)
    results = [attempts.struck(at, is_made=True, is_killed=False) for at in points]
    ended = sum(process.returncode == 0 for process, *_ in results)
    print(f"{len(points)} answers lost at {len(changes)} requests, {ended} pushes ended well")
    assert [one for *_, wrong in results for one in wrong] == []
