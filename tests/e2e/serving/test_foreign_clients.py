"""Clients that no one here wrote, unchanged: Triton's, MLServer's, MLflow's."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateways import Serving, serving
from uv import find_uv_bin

import ketch
from ketch.authoring.mlflow import import_mlflow
from ketch.export.mlflow import write_mlflow
from ketch.runtime import Home
from ketch.testing.workers import interpreters

pytestmark = pytest.mark.e2e

CLIENTS = Path(__file__).parents[2] / "projects" / "clients"
PIPELINE = """
from datetime import datetime, timezone

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def run(model, rows):
    return [
        {
            "price": (1 if row["size"] is None else row["size"]) * 0.5,
            "label": row["name"].upper(),
            "tags": [row["name"], "new"],
            "image": [[0.0, 1.0]] if row["image"] is None else row["image"],
            "seen": START if row["at"] is None else row["at"],
        }
        for row in rows
    ]
"""
INPUTS = """
name = "string"
size = { type = "int64", nullable = true, min = 0 }
weights = { type = "list<float64>", optional = true }
image = { type = "tensor<float32, [2, 2]>", optional = true }
at = { type = "timestamp[us, UTC]", optional = true }
"""
OUTPUTS = """
price = "float64"
label = "string"
tags = "list<string>"
image = "tensor<float32, [-1, 2]>"
seen = "timestamp[us, UTC]"
"""
ROW = {"name": "a", "size": 3}
ANSWER = {
    "price": 1.5,
    "label": "A",
    "tags": ["a", "new"],
    "image": [[0.0, 1.0]],
    "seen": "2026-01-01T00:00:00Z",
}


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("foreign")
    scenarios = [{"inputs": ROW, "expected": ANSWER}]
    author(folder / "shop", PIPELINE, inputs=INPUTS, outputs=OUTPUTS, scenarios=scenarios)
    home = Home(folder / "home")
    packed = ketch.pack(folder / "shop", home=home)
    assert packed.verified, packed.report
    with serving(home, "shop:1.0.0") as started:
        yield started


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has all three."""
    folder = tmp_path_factory.mktemp("clients") / "env"
    python = next(one for one in interpreters() if one.name == "python3.11")
    uv, quiet = find_uv_bin(), "--quiet"
    subprocess.run([uv, "venv", quiet, "--python", python, folder], check=True)
    install = [uv, "pip", "install", quiet, "--no-deps", "--python", folder / "bin/python"]
    subprocess.run([*map(str, install), "-r", CLIENTS / "requirements.txt"], check=True)
    return folder / "bin/python"


def asked(clients: Path, script: str, gateway: Serving) -> Any:
    return printed(clients, script, f"127.0.0.1:{gateway.port}")


def printed(clients: Path, script: str, *arguments: str | Path) -> Any:
    """Return the JSON in the last line that a script prints."""
    variables = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [clients, CLIENTS / script, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=variables,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_tritons_client_works_unchanged(clients: Path, gateway: Serving) -> None:
    said = asked(clients, "ask_triton.py", gateway)

    answers = {
        "price": [1.5, 2.5],
        "label": ["A", "ZOË"],
        "image": [[[1.0, 1.0], [1.0, 1.0]]] * 2,
    }
    assert said["binary"] == answers
    assert said["json"] == answers
    assert (said["live"], said["ready"], said["model_ready"]) == (True, True, True)
    assert (said["version_ready"], said["absent"]) == (True, False)
    assert "binary_tensor_data" in said["extensions"]
    assert said["inputs"]["weights"] == "FP64"
    assert (said["one"], said["id"], said["version"]) == (["price"], "42", "1.0.0")
    assert "inputs: expected a column `name`, found none" in said["refusal"]


def test_mlservers_codecs_work_unchanged(clients: Path, gateway: Serving) -> None:
    said = asked(clients, "ask_mlserver.py", gateway)

    assert said["table"] == [
        {"price": 1.5, "label": "A", "tags": ["a", "new"], "image": [[0.0, 1.0]]},
        {"price": 2.5, "label": "ZOË", "tags": ["Zoë", "new"], "image": [[0.0, 1.0]]},
    ]
    assert said["types"]["price"] == "float64"
    assert said["lists"] == [1.5, 0.5]
    image = [[[1.0, 1.0], [1.0, 1.0]]]
    assert said["single"] == ["42", [1.5], "2026-01-01T00:00:00+00:00", image]
    assert said["server"] == "ketch"
    assert said["outputs"] == ["price", "label", "tags", "image", "seen"]
    assert said["refused"][0] == 400
    assert said["refused"][1].startswith("inputs[1].datatype: expected `INT64`")


def test_mlflows_scoring_client_works_unchanged(clients: Path, gateway: Serving) -> None:
    said = asked(clients, "ask_mlflow.py", gateway)

    assert said["frame"] == [{"price": 1.5, "label": "A"}, {"price": 2.5, "label": "ZOË"}]
    assert said["version"]
    assert said["rows"][0] == 1
    assert "JSON has no NaN" in said["refusal"]


TYPES_PIPELINE = """
def run(model, rows):
    assert all(type(row["rate"]) in (float, type(None)) for row in rows)
    return [
        {
            "day": row["day"],
            "at": row["at"],
            "raw": row["raw"][::-1],
            "box": {"width": row["box"]["width"] + 1, "note": row["box"]["note"]},
            "count": row["count"],
            "odd": None if row["flag"] is None else not row["flag"],
            "rate": row["rate"],
        }
        for row in rows
    ]
"""
TYPES = """
day = "date32"
at = "timestamp[us]"
raw = "binary"
box = "struct<width: int32, note: string?>"
count = "int16"
rate = { type = "float64", nullable = true }
"""
TYPED = {
    "day": "2026-02-03",
    "at": "2026-02-03T04:05:06.123456",
    "raw": "AAH/",
    "box": {"width": 3, "note": "x"},
    "count": 7,
    "rate": 2.0,
}
SPARSE = {**TYPED, "box": {"width": 0, "note": None}, "rate": None}


def expected_of(row: dict[str, Any], *, odd: bool | None) -> dict[str, Any]:
    return {**row, "raw": "/wEA", "box": {**row["box"], "width": row["box"]["width"] + 1}} | {
        "odd": odd
    }


def test_mlflow_answers_every_scenario_of_exported_packages_as_they_do(
    clients: Path, author: Callable[..., Path], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    full = {
        "name": "Zoë",
        "size": None,
        "weights": [1.0, 2.5],
        "image": [[1.0, 2.0], [3.5, 4.0]],
        "at": "2026-02-03T04:05:06.123456Z",
    }
    told = {"price": 0.5, "label": "ZOË", "tags": ["Zoë", "new"]}
    told |= {"image": full["image"], "seen": full["at"]}
    scenarios: dict[str, list[dict[str, Any]]] = {
        "shop": [
            {"inputs": ROW, "expected": ANSWER},
            {"inputs": [full, ROW], "expected": [told, ANSWER]},
        ],
        "types": [
            {
                "inputs": [{**TYPED, "flag": True}, {**SPARSE, "flag": None}],
                "expected": [expected_of(TYPED, odd=False), expected_of(SPARSE, odd=None)],
            }
        ],
    }
    flag = "flag = { type = 'bool', nullable = true }\n"
    odd = "odd = { type = 'bool', nullable = true }\n"
    sources = {
        "shop": (PIPELINE, INPUTS, OUTPUTS),
        "types": (TYPES_PIPELINE, TYPES + flag, TYPES + odd),
    }
    for name, (pipeline, inputs, outputs) in sources.items():
        folder = tmp_path / name
        promised = scenarios[name]
        author(folder, pipeline, name=name, inputs=inputs, outputs=outputs, scenarios=promised)
        packed = ketch.pack(folder, home=home)
        assert packed.verified, packed.report
        written = write_mlflow(packed.package, home.store, tmp_path / f"{name}-mlflow")
        assert "MLmodel" in written.files

    folders = [tmp_path / f"{name}-mlflow" for name in sources]
    said = dict(zip(sources, printed(clients, "ask_mlflow_model.py", *folders), strict=True))

    for name, promised in scenarios.items():
        rows = [one["expected"] for one in promised]
        rows = [one if isinstance(one, list) else [one] for one in rows]
        assert said[name] == {"example": rows[0], "scenarios": rows}


def test_an_exported_package_comes_back_from_mlflow_as_the_same_package(
    author: Callable[..., Path], tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    scenarios = [{"inputs": ROW, "expected": ANSWER}]
    more = "[params]\nrates = [0.5, 1.0]\n[budget]\nmemory_mb = 400\n"
    files = {"model/weights.bin": b"\0\1", "docs/card.md": "Whose it is.\n"}
    author(
        tmp_path / "shop",
        PIPELINE,
        inputs=INPUTS,
        outputs=OUTPUTS,
        scenarios=scenarios,
        more=more,
        files=files,
    )
    package = ketch.pack(tmp_path / "shop", home=home).package
    write_mlflow(package, home.store, tmp_path / "exported")

    back = import_mlflow(tmp_path / "exported", tmp_path / "back", home=home)

    assert (back.is_proved, back.rows) == (True, 1)
    assert ketch.pack(tmp_path / "back", home=home).package.digest == package.digest
