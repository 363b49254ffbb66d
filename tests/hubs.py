"""Real hubs for tests, each in a process of its own.

:func:`hub` runs ``ketch hub``. A :class:`Nursery` runs hubs whose clock and evidence the
test sets: they stand in a file of the hub's folder that is read each time it is asked.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ketch.hub.access import Identity, Role
from ketch.hub.inside import opened
from ketch.package import Digest, Package
from ketch.registry import Evidence, Proof

ROOT = Path(__file__).parents[1]
STARTS_S = 30


@dataclass
class Served:
    """A hub that runs.

    Attributes:
        url: Where.
        home: Its folder.
        pid: Its process, if the test started it.
        tokens: By person, as they are asked for.
    """

    url: str
    home: Path
    pid: int = 0
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def said(self) -> Path:
        """The file that tells it time and evidence."""
        return self.home / "said.json"

    def say(self, now: datetime | None, evidence: Sequence[Evidence]) -> None:
        """Set the clock, and what is known of every package."""
        say(self.said, now, evidence)

    def token(
        self,
        person: str,
        role: Role = Role.ADMIN,
        packages: tuple[str, ...] | None = None,
        **how: Any,
    ) -> str:
        """Return the token of a person, made when it is first asked for."""
        key = f"{person} {role} {packages} {how}"
        if key not in self.tokens:
            with opened(self.home, clock=clock_of(self.said)) as inside:
                identity = Identity(person, role, packages)
                self.tokens[key] = inside.tokens.create(identity, by="root", **how)[1]
        return self.tokens[key]

    def ask(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one request, exactly as said."""
        return ask(self.url, method, path, token=token, body=body, headers=headers)

    def upload(self, package: Package, blobs: Mapping[Digest, bytes], token: str) -> None:
        """Put the bytes of a package there, as an OCI client does."""
        name = package.manifest.name
        for digest, content in blobs.items():
            path = f"/v2/{name}/blobs/uploads/?digest={digest}"
            said = {"Content-Type": "application/octet-stream"}
            answer = self.ask("POST", path, token=token, body=content, headers=said)
            assert answer.status in (201, 202), answer
        path = f"/v2/{name}/manifests/{package.digest}"
        said = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
        answer = self.ask("PUT", path, token=token, body=package.artifact.to_bytes(), headers=said)
        assert answer.status == 201, answer


@dataclass
class Answer:
    """What a hub answered."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)


def ask(
    url: str,
    method: str,
    path: str,
    *,
    token: str | None = None,
    body: object = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make one request to a server, exactly as said."""
    parts = urlsplit(url)
    said = dict(headers or {})
    if token is not None:
        said.setdefault("Authorization", f"Bearer {token}")
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if content is not None:
        said.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    with contextlib.closing(connection):
        connection.request(method, path, content, said)
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())


def say(path: Path, now: datetime | None, evidence: Sequence[Evidence]) -> None:
    """Write down the time, and what is known of every package."""
    body = {
        "now": None if now is None else now.isoformat(),
        "evidence": [[str(one.kind), one.passed, one.digest] for one in evidence],
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_text(json.dumps(body))
    beside.replace(path)


class Nursery:
    """Hubs that start at once, each in a process of its own: the libraries are loaded.

    Their clock, and what is known of packages, are the test's.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hubs"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def hub(self, home: Path) -> Iterator[Served]:
        """Run a hub in a folder."""
        home.mkdir(parents=True, exist_ok=True)
        began = self._told({"start": str(home)})
        try:
            yield Served(began["listening"], home)
        finally:
            ended = self._told({"stop": began["pid"]})
            assert ended["status"] == 0, (home / "log").read_text()

    def close(self) -> None:
        """End it."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait(STARTS_S)

    def _told(self, command: Mapping[str, object]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{json.dumps(command)}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def hub(home: Path, *more: str, **variables: str) -> Iterator[Served]:
    """Run ``ketch hub`` in a folder, as people do; a test may kill it."""
    home.mkdir(parents=True, exist_ok=True)
    ketch = Path(sys.executable).with_name("ketch")
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [ketch, "hub", "--port", "0", "--json", "--home", home, *more],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**_environment(), **variables},
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (home / "log").read_text()
        yield Served(json.loads(line)["listening"], home, process.pid)
        process.send_signal(signal.SIGTERM)
        status = process.wait(STARTS_S)
        assert status in (0, -signal.SIGKILL), (home / "log").read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _environment() -> dict[str, str]:
    ours = ("KETCH_REGISTRY", "KETCH_HUB", "KETCH_TOKEN")
    return {name: value for name, value in os.environ.items() if name not in ours}


def clock_of(file: Path) -> Callable[[], datetime]:
    """Return the clock that a file sets; that of the machine while it does not."""

    def clock() -> datetime:
        now = _said(file).get("now")
        return datetime.fromisoformat(now) if now else datetime.now(UTC)

    return clock


def _said(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def _serve(home: Path) -> None:
    from ketch.hub.serve import serve
    from ketch.hub.settings import Settings

    file = home / "said.json"

    def known(_: Digest) -> list[Evidence]:
        listed = _said(file).get("evidence", [])
        return [Evidence(Proof(kind), passed, digest) for kind, passed, digest in listed]

    def listening(url: str) -> None:
        print(json.dumps({"listening": url, "pid": os.getpid()}), flush=True)

    with opened(home, clock=clock_of(file), known=known) as inside:
        serve(inside, Settings(port=0), person="root", listening=listening)


def _child(home: Path) -> None:
    """Serve a hub, in this process, which ends with it."""
    status = 1
    try:
        log = os.open(home / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 2)
        _serve(home)
        status = 0
    except BaseException:  # noqa: BLE001 # the parent is told by the status
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def main() -> None:
    """Start and stop hubs, as standard input says."""
    import ketch.hub.serve  # noqa: F401 # once, for all of them

    for line in sys.stdin:
        command = json.loads(line)
        if "start" in command:
            if os.fork() == 0:
                _child(Path(command["start"]))
        else:
            os.kill(command["stop"], signal.SIGTERM)
            _, status = os.waitpid(command["stop"], 0)
            print(json.dumps({"status": status}), flush=True)


if __name__ == "__main__":
    main()
