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
    variables = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}
    done = subprocess.run(
        [clients, CLIENTS / script, f"127.0.0.1:{gateway.port}"],
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
