"""A registry that goes away and comes back: a file, a database, a hub. Serving goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest
from tests.faults.serving.places import ROUTE, begun, callers, copied, promote
from tests.gateways import Serving, end, serving
from tests.hubs import hub
from tests.remotes import variables
from tests.servers import postgresql, postgresql_programs
from tests.shop import KETCH, run_ketch

from ketch.runtime import Home

pytestmark = pytest.mark.faults

AWAY = "the registry does not answer"


@pytest.fixture
def home(packed: Home, tmp_path: Path) -> Home:
    return copied(packed, tmp_path / "home")


def published(home: Home, folder: Path) -> None:
    """Put both shops into a registry that is new, the first in prod."""
    (folder / "route.toml").write_text(ROUTE)
    for version in ("1.0.0", "1.1.0"):
        run_ketch(home, "push", f"shop:{version}")
    run_ketch(home, "route", "set", "shop", folder / "route.toml", "--reason", "begin")
    promote(home, "1.0.0", "staging", "prod")
    promote(home, "1.1.0", "staging")


def by(gateway: Serving) -> str:
    said = gateway.ask("/shop", {"name": "b", "size": 1})
    return str(said.json["by"]) if said.status == 200 else ""


def lives_through(
    home: Home, take_away: Callable[[], None], bring_back: Callable[[], None]
) -> None:
    """Serve while a registry goes and comes, and begin again without it."""
    with serving(home) as gateway:
        gateway.until(lambda: by(gateway) == "1.0.0", 60)
        with callers(gateway, 2, pause_s=0.005) as heard:
            take_away()
            gateway.until(lambda: AWAY in gateway.log.read_text(), 60)
            before = heard.said["right"]
            gateway.until(lambda: heard.said["right"] > before + 50)
        assert (heard.errors, heard.lost) == ({}, [])

        end(gateway.gateway)  # the next one does not find the registry either
        gateway.until(lambda: by(gateway) == "1.0.0", 60)
        assert gateway.ask("/readyz").status == 200

        bring_back()
        with callers(gateway, 2, pause_s=0.005) as heard:
            promote(home, "1.1.0", "prod")
            gateway.until(lambda: "1.1.0" in heard.by, 90)
        assert (heard.errors, heard.lost) == ({}, [])
        assert heard.by == sorted(heard.by)  # all of the old one, then all of the new one


def test_a_registry_in_a_file_that_is_damaged_and_mended(home: Home) -> None:
    files = {file: file.read_bytes() for file in home.path.glob("registry.db*")}

    def damage() -> None:
        (home.path / "registry.db").write_bytes(b"this is no database" * 1_000)

    def mend() -> None:
        for file in home.path.glob("registry.db*"):
            file.unlink()
        for file, content in files.items():
            file.write_bytes(content)

    lives_through(home, damage, mend)


@pytest.mark.servers
def test_a_database_that_is_killed_and_comes_back(
    home: Home, tmp_path_factory: pytest.TempPathFactory, missing: Callable[[str], None]
) -> None:
    programs = postgresql_programs()
    if programs is None:
        missing("PostgreSQL (Debian package postgresql)")
        return
    folder = tmp_path_factory.mktemp("database")
    with postgresql(programs, folder) as url, variables(KETCH_REGISTRY=url), ExitStack() as held:
        pid_file = folder / "data" / "postmaster.pid"
        published(home, folder)

        def kill() -> None:
            pid = int(pid_file.read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)  # the next one looks whether it is still there

        def start() -> None:
            port = url.rpartition(":")[2].partition("/")[0]
            at: list[str | Path] = ["-k", folder, "-p", port, "-c", "listen_addresses=127.0.0.1"]
            program: list[str | Path] = [programs / "postgres", "-D", folder / "data", *at]
            user = (folder / "data").stat().st_uid if os.getuid() == 0 else None
            until = time.monotonic() + 60
            while True:  # what is left of the killed one may still be ending
                server = subprocess.Popen(program, user=user, cwd=folder, stderr=subprocess.DEVNULL)
                while server.poll() is None:
                    with suppress(psycopg.OperationalError):
                        psycopg.connect(url).close()
                        held.callback(server.wait, 30)
                        held.callback(server.send_signal, signal.SIGINT)
                        return
                    time.sleep(0.1)
                assert time.monotonic() < until

        lives_through(home, kill, start)


@pytest.mark.servers
def test_a_hub_that_is_killed_and_comes_back(home: Home, tmp_path: Path) -> None:
    with ExitStack() as held:
        served = held.enter_context(hub(tmp_path / "hub"))
        token = served.token("otto")
        held.enter_context(variables(KETCH_REGISTRY=served.url, KETCH_TOKEN=token))
        published(home, tmp_path)

        def kill() -> None:
            os.kill(served.pid, signal.SIGKILL)

        def start() -> None:
            port = served.url.rpartition(":")[2]
            at: list[str | Path] = ["--port", port, "--json", "--home", served.home]
            command: list[str | Path] = ["env", "-u", "KETCH_REGISTRY", KETCH, "hub", *at]
            again = held.enter_context(begun(home, command, tmp_path / "again.log"))
            assert again.stdout is not None
            assert b"listening" in again.stdout.readline(), (tmp_path / "again.log").read_text()

        lives_through(home, kill, start)
