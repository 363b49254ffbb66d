"""A disk that is full, descriptors that run out, folders that nobody may write."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from tests.faults.serving.places import (
    Heard,
    begun,
    callers,
    copied,
    descriptors,
    metric,
    once,
    serving_by,
)
from tests.gateways import Serving
from tests.shop import KETCH

from ketch.runtime import Home

pytestmark = pytest.mark.faults

NAME = "shop:1.0.0"


@pytest.fixture
def home(packed: Home, tmp_path: Path) -> Home:
    return copied(packed, tmp_path / "home")


@pytest.fixture(scope="session")
def mounts(missing: Callable[[str], None]) -> Sequence[str | Path]:
    """What runs a program with mounts of its own."""
    how = ["unshare", *([] if os.getuid() == 0 else ["-Ur"]), "-m"]
    if shutil.which("unshare") is None or subprocess.run([*how, "true"], check=False).returncode:
        missing("needs mounts of its own: `unshare -m`")
    return how


def on_small_disk(mounts: Sequence[str | Path], folder: Path) -> Sequence[str | Path]:
    """Return what runs a program for which a folder lies on a disk of 8 MB of its own."""
    folder.mkdir(exist_ok=True)
    beside = folder.with_name(f"{folder.name}-before")
    shutil.copytree(folder, beside, symlinks=True)
    mount = (
        f"mount -t tmpfs -o size=8m none '{folder}' && cp -a '{beside}/.' '{folder}' && exec \"$@\""
    )
    return [*mounts, "sh", "-c", mount, "sh"]


def seen_by(gateway: Serving, folder: Path) -> Path:
    """Return the path at which we see a folder as the gateway does."""
    return Path(f"/proc/{gateway.gateway}/root{folder}")


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fill a disk for a while."""
    filler = folder / "filler"
    for size in (65_536, 1):
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * size):
                pass
    try:
        yield
    finally:
        filler.unlink()


def test_serving_goes_on_while_the_disk_of_the_decisions_is_full(
    home: Home, mounts: Sequence[str | Path]
) -> None:
    """What fits waits; what is lost is counted; when there is room again, it is written."""
    before = on_small_disk(mounts, home.path / "decisions")
    with serving_by(home, before, NAME) as gateway:
        assert once(gateway, "/shop", "b", 1) == 200
        gateway.until(lambda: metric(gateway, "ketch_decisions_waiting") == 0)
        with full(seen_by(gateway, home.path / "decisions")):
            with callers(gateway, 4) as heard:
                gateway.until(lambda: heard.said["right"] > 1_000)
            assert (heard.errors, heard.lost) == ({}, [])
            gateway.until(lambda: metric(gateway, "ketch_decisions_waiting") > 500)
            assert gateway.ask("/readyz").status == 200

        gateway.until(lambda: metric(gateway, "ketch_decisions_waiting") == 0, 60)
        assert metric(gateway, "ketch_decisions_dropped_total") == 0
        assert gateway.stop() == 0


def test_serving_goes_on_while_the_disk_of_the_home_is_full(
    home: Home, mounts: Sequence[str | Path]
) -> None:
    """Workers that die meanwhile are replaced."""
    before = on_small_disk(mounts, home.path)
    with serving_by(home, before, NAME, "--workers", "1") as gateway:
        assert once(gateway, "/shop", "b", 1) == 200
        with full(seen_by(gateway, home.path)):
            for _ in range(3):
                os.kill(gateway.workers[0], 9)
                gateway.until(lambda: once(gateway, "/shop", "b", 1) == 200, 60)
            with callers(gateway, 2) as heard:
                gateway.until(lambda: heard.said["right"] > 50)
            assert (heard.errors, heard.lost) == ({}, [])
        gateway.until(lambda: metric(gateway, "ketch_decisions_waiting") == 0, 60)
        assert "Traceback" not in gateway.log.read_text()


def test_durable_serving_answers_nothing_that_is_not_recorded(
    home: Home, mounts: Sequence[str | Path]
) -> None:
    before = on_small_disk(mounts, home.path / "decisions")
    with serving_by(home, before, NAME, "--durable") as gateway:
        assert once(gateway, "/shop", "b", 1) == 200
        heard = Heard()
        with full(seen_by(gateway, home.path / "decisions")):
            gateway.until(lambda: once(gateway, "/shop", "b", 2, heard) == 503)
            for _ in range(5):
                once(gateway, "/shop", "b", 3, heard)
        assert set(heard.errors) == {"503 serve/not-recorded"}

        gateway.until(lambda: once(gateway, "/shop", "b", 4) == 200)
        answered = metric(gateway, "ketch_requests_total", status="200")
        refused = metric(gateway, "ketch_requests_total", status="503")
        assert refused == heard.errors.total()
        assert answered == 2 + heard.said["right"]


def test_more_connections_than_descriptors_shut_nobody_out(home: Home) -> None:
    """With 300 descriptors there is room for some 40 connections, and 200 come."""
    limited = ["prlimit", "--nofile=300:300"]
    with (
        serving_by(home, limited, NAME, "--workers", "1") as gateway,
        contextlib.ExitStack() as held,
    ):
        for _ in range(200):
            one = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
            held.callback(one.close)
            one.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n")
        with callers(gateway, 8) as heard:
            gateway.until(lambda: heard.said["right"] > 50)
        assert (heard.errors, heard.lost) == ({}, [])
        assert descriptors(gateway.gateway) < 300
        os.kill(gateway.workers[0], 9)  # a new one needs descriptors, too
        gateway.until(lambda: once(gateway, "/shop", "b", 1) == 200, 60)


def test_with_hardly_any_descriptor_it_says_so_or_serves(home: Home, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command: list[str | Path] = ["prlimit", "--nofile=24:24", KETCH, "serve", NAME, "--port", "0"]
    with begun(home, command, log) as process:
        assert process.wait(60) != 0
    told = log.read_text()
    assert "error: " in told
    assert "Traceback" not in told


READ_ONLY = "mount --bind '{0}' '{0}' && mount -o remount,ro,bind '{0}' && exec \"$@\""


def read_only(mounts: Sequence[str | Path], folder: Path) -> Sequence[str | Path]:
    """Return what runs a program for which a folder cannot be written."""
    return [*mounts, "sh", "-c", READ_ONLY.format(folder), "sh"]


def test_a_home_that_cannot_be_written_is_told(
    home: Home, mounts: Sequence[str | Path], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    command: list[str | Path] = [*read_only(mounts, home.path), KETCH, "serve", NAME, "--port", "0"]
    with begun(home, command, log) as process:
        assert process.wait(60) == 3
    told = log.read_text()
    assert "\nerror: " in told  # after a line on the decision log, which alone is no reason
    assert str(home.path) in told
    assert "Traceback" not in told


def test_without_a_place_for_temporary_files_it_serves(
    home: Home, mounts: Sequence[str | Path], tmp_path: Path
) -> None:
    before = read_only(mounts, tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    with serving_by(home, before, NAME, TMPDIR=str(tmp_path / "tmp")) as gateway:
        with callers(gateway, 2) as heard:
            gateway.until(lambda: heard.said["right"] > 20)
        assert heard.errors == {}
