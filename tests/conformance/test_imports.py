"""No verb imports what it does not use.

Every verb runs for real, in a process of its own, and tells which libraries it loaded.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ketch.cli.main import VERBS

ROOT = Path(__file__).parents[2]
THERMOMETER = ROOT / "tests" / "projects" / "thermometer"
KETCH = Path(sys.executable).with_name("ketch")

RUN = """
import json, sys
from ketch.cli.main import main
try:
    main(sys.argv[2:])
finally:
    with open(sys.argv[1], "w") as file:
        json.dump(sorted(sys.modules), file)
"""

COMMAND_LINE = {"attr", "attrs", "cyclopts", "typing_extensions"}
"""What every verb needs to read its arguments."""

CORE = COMMAND_LINE | {"msgspec", "packaging", "platformdirs"}
"""What every verb needs that reads packages."""

REGISTRY = CORE | {"sqlite3"}
"""What the verbs of the registry need, when it is a file."""

SIGNING = {"cryptography"}

TABLES = {"duckdb", "rich"}
"""What reads decisions."""

HTTP = {
    *("anyio", "certifi", "h11", "http", "httpcore", "httpx", "idna", "ssl"),
    *("click", "pygments", "rich"),  # httpx has a command line, and imports it if it can
}
"""What asks a server."""

SERVING = REGISTRY | {"asyncio", "http", "httptools", "prometheus_client", "rich", "ssl", "uvloop"}
"""What answers HTTP; the keeper of it imports nothing of these."""

HELP = {"docstring_parser", "markdown_it", "mdurl", "pygments", "rich"}
HEAVY = {"asyncio", "http", "multiprocessing", "sqlite3", "ssl", "xml"}
"""Parts of the standard library that cost as much as a library."""

USES = [
    (["--version"], set()),
    (["--help"], COMMAND_LINE | HELP | {"msgspec"}),
    (["pakc"], {"msgspec", "rich", "typing_extensions"}),
    (["list"], CORE | {"rich"}),
    (["list", "--json"], CORE | {"rich"}),
    (["inspect", "thermometer:1.0.0"], CORE | {"rich"}),
    (["diff", "thermometer:1.0.0", "thermometer:1.0.0"], CORE | {"rich"}),
    (["explain", "thermometer:1.0.0", "thermometer:1.0.0"], CORE | {"rich"}),
    (["upgrade", "thermometer:1.0.0", "--check"], CORE | {"rich"}),
    (["env", "list"], CORE),
    (["env", "gc"], CORE),
    (["gc"], CORE),
    (["fsck"], CORE),
    (["doctor"], CORE | {"uv"}),
    (["verify", "thermometer:1.0.0"], CORE | {"rich"}),
    (["verify", "thermometer:1.0.0", "--junit", "found.xml"], CORE | {"rich", "xml"}),
    (["record", "thermometer"], CORE | {"rich"}),
    (["pack", "thermometer"], CORE | {"rich"}),
    (["pack", "nowhere"], CORE | {"rich"}),
    (["pack", "conda"], CORE | {"rich", "yaml"}),
    (["pack", "sampled"], CORE | {"rich", "datasketches", "duckdb", "numpy"}),
    (["predict", "thermometer:1.0.0", "in.jsonl"], CORE),
    (["predict", "thermometer:1.0.0", "in.csv", "-o", "out.jsonl"], CORE),
    (["predict", "thermometer:1.0.0", "in.csv", "-o", "out.parquet"], CORE | {"duckdb"}),
    (["serve", "nobody:1.0.0", "--port", "0"], SERVING),
    (["outcome", "temperatures", "in.csv"], REGISTRY | {"rich"}),
    (["decisions"], REGISTRY | TABLES),
    (["report"], REGISTRY | TABLES | {"numpy"}),
    (["decisions", "--limit", "0"], CORE | {"rich"}),
    (["trace", "01a20a7986787fc18baff2222ba1c3a9"], REGISTRY | TABLES),
    (["erase", "--unit", "ana"], REGISTRY | TABLES),
    (
        ["scenario", "add", "--from", "01a20a7986787fc18baff2222ba1c3a9", "thermometer"],
        REGISTRY | TABLES,
    ),
    (["guard", "--once"], REGISTRY | {"duckdb", "numpy"}),
    (["init", "fresh"], CORE | {"rich"}),
    (["import", "mlflow", "nowhere", "fresh"], CORE | {"rich", "yaml"}),
    (["push", "thermometer:1.0.0"], REGISTRY),
    (["push", "thermometer:1.0.0", "oci://nowhere"], REGISTRY | {"rich"}),
    (["push", "thermometer:1.0.0", "oci://127.0.0.1:1/a"], REGISTRY | HTTP),
    (["push", "thermometer:1.0.0", "s3://bucket"], REGISTRY | {"rich", "obstore"}),
    (["pull", "shop:1.0.0"], CORE | {"rich"}),
    (["pull", "oci://127.0.0.1:1/a:1.0.0"], CORE | HTTP),
    (["promote", "thermometer:1.0.0", "staging", "--route", "temperatures"], REGISTRY),
    (["approve", "thermometer:1.0.0"], REGISTRY | {"rich"}),
    (["reject", "thermometer:1.0.0", "--reason", "no", "--route", "temperatures"], REGISTRY),
    (["rollback", "temperatures"], REGISTRY | {"rich"}),
    (["route", "show", "temperatures"], REGISTRY),
    (["status"], REGISTRY),
    (["compare", "thermometer:1.0.0", "thermometer:1.0.0"], REGISTRY | TABLES | {"numpy"}),
    (["explain", "temperatures"], REGISTRY | TABLES | {"numpy"}),
    (["drift", "temperatures"], REGISTRY | TABLES | {"datasketches", "numpy"}),
    (["history"], REGISTRY),
    (["audit", "verify"], REGISTRY),
    (["pack", "thermometer"], REGISTRY | {"rich"}),
    (["fsck"], REGISTRY),
    (["withdraw", "thermometer:1.0.0", "--reason", "old"], REGISTRY | {"rich"}),
    (["owner", "thermometer", "search@shop.example"], REGISTRY),
    (["hub", "token", "create", "ana"], REGISTRY),
    (["hub", "token", "list"], REGISTRY | {"rich"}),
    (["hub", "webhook", "list"], REGISTRY),
    (["login", "https://hub.shop.example"], COMMAND_LINE | {"msgspec", "rich"}),
    (["keygen", "ana.key", "--no-passphrase"], CORE | SIGNING),
    (["sign", "thermometer:1.0.0", "--key", "ana.key"], CORE | SIGNING),
    (["export", "mlbom", "thermometer:1.0.0"], CORE | SIGNING),
    (
        ["export", "mlflow", "thermometer:1.0.0", "thermometer-mlflow"],
        CORE | SIGNING | {"rich", "yaml"},
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with packages, inputs, and a ketch home that has the package stored."""
    made = tmp_path_factory.mktemp("imports")
    for name in ("thermometer", "conda", "sampled"):
        shutil.copytree(THERMOMETER, made / name)
    (made / "conda" / "environment.yml").write_text("dependencies: [python=3.11]\n")
    (made / "sampled" / "sample.csv").write_text("place,celsius\nBern,3.5\nBasel,4.5\n")
    with (made / "sampled" / "ketch.toml").open("a") as declared:
        declared.write('\n[data.readings]\nsource = "file:sample.csv"\nsample = "sample.csv"\n')
    (made / "in.jsonl").write_text('{"place": "Bern", "celsius": 3.5}\n')
    (made / "in.csv").write_text("place,celsius\nBern,3.5\n")
    loaded_by(made, ["pack", "thermometer"])
    return made


def loaded_by(folder: Path, arguments: Sequence[str]) -> set[str]:
    """Return the modules that a run of ketch loads."""
    told = folder / "loaded.json"
    subprocess.run(
        [sys.executable, "-c", RUN, told, *arguments],
        cwd=folder,
        env={**os.environ, "KETCH_HOME": str(folder / "home"), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return set(json.loads(told.read_text()))


def libraries_among(modules: set[str]) -> set[str]:
    """Return the libraries, and the heavy parts of Python's own."""
    standard = sys.stdlib_module_names - HEAVY
    ours = {"cython_runtime", "ketch", "org", "sitecustomize", "usercustomize"}
    names = {name.partition(".")[0] for name in modules}
    return {name for name in names - standard - ours if not name.startswith("_")}


@pytest.mark.parametrize(("arguments", "used"), USES, ids=lambda one: " ".join(sorted(one)))
def test_a_verb_imports_what_it_uses(folder: Path, arguments: list[str], used: set[str]) -> None:
    assert libraries_among(loaded_by(folder, arguments)) == used


def test_every_verb_is_tried() -> None:
    assert {arguments[0] for arguments, _ in USES} >= VERBS.keys() - {"demo"}


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_help_imports_nothing_that_reads_data(folder: Path, verb: str) -> None:
    """The demo brings its own story, and tells it with the same parts."""
    assert libraries_among(loaded_by(folder, [verb, "--help"])) <= REGISTRY | HELP


@pytest.mark.parametrize("verb", ["status", "history"])
def test_a_verb_that_asks_a_hub_imports_no_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("KETCH_REGISTRY", "http://127.0.0.1:9")
    found = libraries_among(loaded_by(folder, [verb]))
    assert "httpx" in found
    assert not found & {"starlette", "uvicorn", "httptools"}


@pytest.mark.parametrize(
    ("arguments", "unused"),
    [
        (["--version"], {"errors", "files", "schema", "store", "runtime"}),
        (["--help"], {"schema", "package", "env", "store", "runtime", "authoring", "verify"}),
        (["list"], {"authoring", "verify", "env.requirements", "env.resolving"}),
        (["env", "list"], {"authoring", "verify", "env.requirements", "env.resolving"}),
        (["gc"], {"authoring", "verify", "env.requirements", "env.resolving"}),
        (["fsck"], {"authoring", "verify", "env.requirements", "env.resolving"}),
        (["doctor"], {"authoring", "verify", "env.requirements", "env.resolving"}),
        (["predict", "thermometer:1.0.0", "in.csv"], {"authoring", "verify", "env.resolving"}),
        (["verify", "thermometer:1.0.0"], {"verify.junit", "demo", "tables.scan"}),
    ],
    ids=lambda one: " ".join(sorted(one)),
)
def test_a_verb_imports_no_area_that_it_has_no_use_for(
    folder: Path, arguments: list[str], unused: set[str]
) -> None:
    loaded = {name.removeprefix("ketch.") for name in loaded_by(folder, arguments)}
    assert loaded & unused == set()


def test_the_version_is_told_at_once(folder: Path) -> None:
    best = min(time_of([KETCH, "--version"], folder) for _ in range(5))
    assert best < 0.25


def time_of(command: Sequence[str | Path], folder: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - began
