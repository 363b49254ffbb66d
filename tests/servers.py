"""Real servers for tests, each on a port of its own and gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def postgresql_programs() -> Path | None:
    """Return the folder of PostgreSQL's server programs; Debian keeps it off PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


@contextmanager
def postgresql(programs: Path, folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server in a folder; yield the URL of an empty database."""
    data = folder / "data"
    user = _unprivileged()
    if user is not None:  # the server refuses to run as root
        for each in (folder, *folder.parents):
            if each.stat().st_uid == 0 and each != Path("/tmp") and len(each.parts) > 2:
                each.chmod(each.stat().st_mode | 0o755)
        folder.chmod(0o777)
    run = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL}
    initdb = [
        programs / "initdb",
        "-D",
        data,
        "-U",
        "ketch",
        "-A",
        "trust",
        "--no-sync",
        "-E",
        "UTF8",
    ]
    subprocess.run(initdb, check=True, stderr=subprocess.DEVNULL, **run)  # type: ignore[call-overload]
    port = free_port()
    settings = ["-c", "listen_addresses=127.0.0.1", "-k", str(folder), "-p", str(port)]
    log = folder / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *settings],
            user=user,
            cwd=folder,
            stdout=output,
            stderr=output,
        )
    try:
        _await(port, server, log)
        yield f"postgresql://ketch@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # "fast": without waiting for clients to leave
        server.wait(30)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _unprivileged() -> str | None:
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    until = time.monotonic() + 30
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended: {log.read_text()[-2000:]}")
        try:
            psycopg.connect(f"postgresql://ketch@127.0.0.1:{port}/postgres").close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("PostgreSQL did not answer within 30 s")
