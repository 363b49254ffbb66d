"""A gateway in this process that is asked byte by byte, without a socket: all of it is real.

Connections, doors, plan, queues, workers and books are those of ``ketch serve``; only the
network is left out, so that many thousands of requests take seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop
from tests.pools import staffed
from tests.verification import Bench, asks

import ketch
from ketch.monitor.decisions.log import DecisionLog
from ketch.monitor.outcomes import Outcomes
from ketch.monitor.outcomes.intake import Intake
from ketch.serving.books import Books
from ketch.serving.doors.outcomes import OutcomesDoor
from ketch.serving.doors.problems import problem
from ketch.serving.gateway import Gateway
from ketch.serving.http.connection import Connection
from ketch.serving.http.gate import Gate
from ketch.serving.http.limits import Limits
from ketch.serving.http.listener import Listener
from ketch.serving.http.server import Server, serve_http
from ketch.serving.metrics import Metrics
from ketch.serving.paths import Paths
from ketch.serving.routes.table import LiveArm, LiveRoute
from ketch.serving.settings import Settings

CASES_S = 60.0
SECRET = "/srv/inside/of/this/machine.bin"
"""A path that only the machine knows: no caller may be told."""

INPUTS: Mapping[str, object] = {
    "name": {"type": "string", "max_length": 40, "description": "Comes back."},
    "size": {"type": "int64", "nullable": True, "min": 0},
    "score": {"type": "float64", "optional": True},
    "at": {"type": "timestamp[us, UTC]", "optional": True},
    "day": {"type": "date32", "optional": True},
    "raw": {"type": "binary", "optional": True},
    "tags": {"type": "list<string>", "optional": True, "max_items": 4},
    "image": {"type": "tensor<float32, [2, 2]>", "optional": True},
    "box": {"type": "struct<a: int64, b: string?>", "optional": True},
    "card": {"type": "string", "optional": True, "pii": True},
}
OUTPUTS: Mapping[str, object] = {
    "mark": "string",
    "half": {"type": "float64", "nullable": True},
    "items": "list<string>",
}
SOURCE = f"""
def run(model, rows):
    found = []
    for row in rows:
        if row["name"] == "refuse":
            raise ValueError("not for sale: see {SECRET}")
        size = row["size"]
        found.append(
            {{
                "mark": row["name"] + "|" + str(size),
                "half": None if size is None else size / 2,
                "items": row.get("tags") or [],
            }}
        )
    return found
"""


def answer_to(row: Mapping[str, Any]) -> dict[str, object]:
    """Return what the shop answers to a row, worked out here."""
    size = row.get("size")
    return {
        "mark": f"{row['name']}|{size}",
        "half": None if size is None else size / 2,
        "items": row.get("tags") or [],
    }


@dataclass(frozen=True)
class Sent:
    """A request: a body and how it is sent; a head is made of it unless one is given.

    Attributes:
        path, body, method, headers: Of the request.
        expected: What has to be answered; None where that is not known.
        where: Which door it is for: ``native``, ``v2``, ``mlflow`` or ``page``.
    """

    path: str
    body: bytes = b""
    method: str = "POST"
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    expected: object = None
    where: str = "native"

    @property
    def raw(self) -> bytes:
        lines = [f"{self.method} {self.path} HTTP/1.1", "host: localhost"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        if not any(name.lower() == "content-length" for name, _ in self.headers):
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire(asyncio.Transport):
    """Takes what a connection writes; there is nobody at its other end."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.is_over = self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, list_of_data: Any) -> None:
        for data in list_of_data:
            self.written += data

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_over = True

    def close(self) -> None:
        self.is_over = True

    def abort(self) -> None:
        self.is_over = True

    def is_closing(self) -> bool:
        return self.is_over

    def get_write_buffer_size(self) -> int:
        return 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


@dataclass
class Ground:
    """A gateway, and what it has been asked so far.

    Attributes:
        gateway: With all routes; ``lone`` serves one route alone.
        asked: Requests and byte streams, by what they were answered.
        url: Where the same gateway listens for real.
    """

    gateway: Gateway
    lone: Gateway
    loop: asyncio.AbstractEventLoop
    outcomes: OutcomesDoor
    asked: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        gate, limits = Gate(), Limits()
        self._server, self._alone = (
            Server(
                Paths(one, self.outcomes),
                gate.admit,
                lambda error, _: problem(error),
                limits,
                self.loop,
            )
            for one in (self.gateway, self.lone)
        )

    def ask(self, *requests: Sent, alone: bool = False) -> list[Answer]:
        """Ask all of them at the same time; every answer must be one that may be given."""
        answers: list[Answer] = self._run(self._ask_all(requests, alone=alone))
        for request, answer in zip(requests, answers, strict=True):
            check(request, answer)
            self.asked[answer.status] += 1
        return answers

    def stream(self, pieces: Sequence[bytes]) -> list[Answer]:
        """Send bytes, whatever they are, on one connection; return what was answered."""
        answers = answers_in(self._run(self._stream(self._server, pieces)))
        for answer in answers:
            check(Sent("", b"".join(pieces), where="any"), answer)
            self.asked[answer.status] += 1
        self.asked[0] += not answers
        return answers

    def _run(self, work: Any) -> Any:
        done: Future[Any] = asyncio.run_coroutine_threadsafe(work, self.loop)
        found = done.result(CASES_S)
        assert self._server.room.taken == 0, "the memory of a body was not given back"
        return found

    async def _ask_all(self, requests: Sequence[Sent], *, alone: bool) -> list[Answer]:
        server = self._alone if alone else self._server
        said = await asyncio.gather(*(self._stream(server, [one.raw]) for one in requests))
        found = []
        for request, written in zip(requests, said, strict=True):
            answers = answers_in(written, is_bare=request.method == "HEAD")
            assert len(answers) == 1, (request, written[:500])
            found.append(answers[0])
        return found

    async def _stream(self, server: Server, pieces: Sequence[bytes]) -> bytes:
        wire = Wire()
        connection = Connection(server)
        connection.connection_made(wire)
        for piece in pieces:
            connection.data_received(piece)
        while connection._work is not None or connection._unread is not None:
            if connection._work is not None:
                await asyncio.wait([connection._work])
            await asyncio.sleep(0)
        connection.connection_lost(None)
        return bytes(wire.written)


def answers_in(written: bytes, *, is_bare: bool = False) -> list[Answer]:
    """Return the responses in what was written."""
    found = []
    while written:
        head, end, written = written.partition(b"\r\n\r\n")
        assert end, head
        first, *lines = head.decode("latin-1").split("\r\n")
        if first == "HTTP/1.1 100 Continue":
            continue
        pairs = [line.split(": ", 1) for line in lines]
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), pairs
        length = 0 if is_bare else int(headers["content-length"])
        assert len(written) >= length
        found.append(Answer(int(first.split()[1]), headers, written[:length]))
        written = written[length:]
    return found


PROBLEM = "application/problem+json"
STATUSES = frozenset({200, 400, 401, 403, 404, 405, 408, 413, 415, 421, 422, 431, 503})
"""What a caller may be answered while nothing fails; 503 by what is not served yet."""

MOST_BYTES = 1_000
LONGEST = 100
"""Letters of a body that may be shown, about; see :func:`ketch.schema.problems.show`."""
_INSIDE = re.compile(
    "|".join(
        [
            "Traceback",
            r'File \\?"',
            r"\.py\b",
            "object at 0x",
            "0x[0-9a-f]{8}",
            *(
                re.escape(one)
                for one in (
                    SECRET,
                    sys.prefix,
                    sys.base_prefix + "/",
                    tempfile.gettempdir() + "/",
                    str(Path(ketch.__file__).parent),
                    str(Path.home()) + "/",
                    "msgspec",
                    "asyncio",
                )
            ),
        ]
    )
)


def check(request: Sent, answer: Answer) -> None:
    """Fail when an answer is one that no caller may get."""
    wrong = "; ".join(_wrong(request, answer))
    assert not wrong, f"{wrong}\n{str(answer)[:1_500]}\n{request.method} {str(request)[:3_000]}"


def _wrong(request: Sent, answer: Answer) -> Iterator[str]:
    if answer.status not in STATUSES:
        yield "a status that none may have"
    if answer.headers.get("x-content-type-options") != "nosniff":
        yield "no `nosniff`"
    if request.expected is not None and (
        answer.status != 200 or read(request, answer) != request.expected
    ):
        yield "expected to be answered, and rightly"
    if answer.status == 405 and answer.headers.get("allow") not in {"GET", "POST"}:
        yield "no `Allow`"
    if answer.status != 200 and answer.body not in {b"", b"\n"}:
        yield from _wrong_in_error(request, answer, answer.body.decode())


def _wrong_in_error(request: Sent, answer: Answer, text: str) -> Iterator[str]:
    body = json.loads(text)
    if answer.status == 503 and "ready" in body:
        return  # a page about the gateway, not an error
    if len(answer.body) > MOST_BYTES:
        yield "a long error"
    found = _INSIDE.search(text)
    if found is not None and (found[0] == SECRET or found[0].encode() not in request.raw):
        yield f"something of the inside: {found[0]}"
    if run := echoed(request.body, answer.body):
        yield f"an echo of the body: {run!r}"
    if "code" in body:
        if (answer.headers["content-type"], body["status"]) != (PROBLEM, answer.status):
            yield "another type or status than it says"
    elif answer.headers["content-type"] != "application/json" or set(body) not in (
        {"error"},
        {"error_code", "message"},
    ):
        yield "an error in no form of a door"
    if answer.status == 503 and "retry-after" not in answer.headers:
        yield "no `Retry-After`"


def echoed(body: bytes, told: bytes) -> bytes:
    """Return a long run of a body that stands in an answer, if there is one."""
    for at in range(0, len(body) - LONGEST, LONGEST):
        run = body[at : at + LONGEST]
        if run in told:
            return run
    return b""


def read(request: Sent, answer: Answer) -> object:
    """Return the rows of an answer, as the native form has them."""
    body = answer.json
    if request.where == "native":
        return body
    if request.where == "mlflow":
        return body["predictions"]
    columns = {one["name"]: one["data"] for one in body["outputs"]}
    columns["items"] = [json.loads(one) for one in columns["items"]]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@contextmanager
def grounds(bench: Callable[[str], Bench], folder: Path) -> Iterator[Ground]:
    """Yield a gateway that runs on a thread, and listens at an address as well."""
    begun: Future[tuple[Ground, asyncio.Event]] = Future()

    async def serve() -> None:
        stop = asyncio.Event()
        async with AsyncExitStack() as held:
            try:
                ground = await _opened(bench, folder, held)
            except BaseException as error:
                begun.set_exception(error)
                raise
            begun.set_result((ground, stop))
            await stop.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        ground, stop = begun.result(CASES_S)
        yield ground
        assert ground.faults == []
        ground.loop.call_soon_threadsafe(stop.set)
    finally:
        if begun.done() and begun.exception() is None:
            found, stop = begun.result()
            found.loop.call_soon_threadsafe(stop.set)
        thread.join(CASES_S)


async def _opened(bench: Callable[[str], Bench], folder: Path, held: AsyncExitStack) -> Ground:
    async def arm(name: str, version: str, **share: Any) -> LiveArm:
        rig = bench(version)
        package = rig.package(
            SOURCE,
            asks("one", {"name": "a", "size": 3}, answer_to({"name": "a", "size": 3})),
            inputs=INPUTS,
            outputs=OUTPUTS,
            version=version,
        )
        staff = await held.enter_async_context(staffed(rig, package, patience_s=30.0))
        return LiveArm(name, staff.pool, **share)

    prod = await arm("prod", "1.0.0")
    limited = await arm("limited", "1.1.0", share=300_000, salt="salt")
    loop = asyncio.get_running_loop()
    log = DecisionLog(folder / "decisions")
    held.callback(log.close)
    gateway = Gateway(Settings(), Books(Metrics(), log))
    lone = Gateway(Settings(), Books(Metrics(), log))
    for one in (gateway, lone):
        one.is_known = True
        held.push_async_callback(one.close)
    shop = LiveRoute("shop", 3, "name", prod, (limited,), LiveArm("staging", limited.pool))
    late = LiveRoute("late", problems={"late:1.0.0": f"no such file: {SECRET}"})
    gateway.flip({"shop": shop, "plain": LiveRoute("plain", rest=prod), "late": late})
    lone.flip({"shop": LiveRoute("shop", rest=prod)})
    intake = Intake(Outcomes(folder / "decisions"))
    held.push_async_callback(intake.close)
    door = OutcomesDoor(intake, folder / "decisions")
    ground = Ground(gateway, lone, loop, door)
    loop.set_exception_handler(lambda _, said: ground.faults.append(repr(said)))
    listener = Listener.open("127.0.0.1", 0)
    serving = serve_http(
        Paths(gateway, door),
        listener.sockets,
        admit=Gate().admit,
        refuse=lambda error, _: problem(error),
        limits=Limits(farewell_s=0.01, linger_s=0.2),
    )
    ground.url = listener.url()
    await held.enter_async_context(serving)
    return ground
