"""Remotes for tests: small servers that answer as a test says."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def variables(**chosen: str) -> Iterator[None]:
    """Set variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class Door(BaseHTTPRequestHandler):
    """One request at a :class:`Server` of a test, and ways to answer it."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        """Read a request, remember it, and let the test answer."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.body = b""
        server = self.server
        assert isinstance(server, Server)
        server.asked.append((self.command, self.path, dict(self.headers.items())))
        with suppress(ConnectionError):
            server.answer(self)
            self.wfile.flush()

    def read(self) -> bytes:
        """Return the body of the request."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Answer; ``_`` in a header's name stands for ``-``."""
        self.send_response(status)
        said = {"Content_Length": str(len(body)), **headers}
        for name, value in said.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut(self) -> None:
        """Let the connection break off."""
        self.wfile.flush()
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A small server that answers as a test says; it remembers what was asked."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Door], None]) -> None:
        super().__init__(("127.0.0.1", 0), Door)
        self.answer = answer
        self.asked: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"

    def asked_for(self, method: str) -> list[str]:
        """Return the paths that were asked for."""
        return [path for verb, path, _ in self.asked if verb == method]


@contextmanager
def serving(answer: Callable[[Door], None]) -> Iterator[Server]:
    """Run a server that answers as a test says."""
    server = Server(answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
