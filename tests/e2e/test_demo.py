"""The demo, played as a new user plays it: from an empty folder, with no home of one's own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.shop import KETCH, children, is_running

from ketch.demo import telling

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
NOWHERE = {"UV_INDEX_URL": "http://127.0.0.1:9/simple", "UV_OFFLINE": "1"}


def start(place: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    """Start `ketch demo` in a place, where nobody has set up anything."""
    clean = {name: value for name, value in os.environ.items() if name != "KETCH_HOME"}
    return subprocess.Popen(
        [KETCH, "demo", *arguments],
        cwd=place,
        env={**clean, "HOME": str(place / "user"), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@dataclass(frozen=True)
class Played:
    """What a demo printed: its value, and what it said."""

    value: Mapping[str, Any]
    said: str


def play(place: Path, **more: str) -> Played:
    process = start(place, "--json", **more)
    printed, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return Played(json.loads(printed), said)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def played(place: Path) -> Played:
    return play(place)


def test_it_goes_well_and_says_so(played: Played, place: Path) -> None:
    value = played.value
    assert value["passed"] is True
    assert value["path"] == str(place / "ketch-demo")
    assert [one["verified"] for one in value["packages"].values()] == [True, True, True]
    assert not value["broken"]["passed"]
    first = value["broken"]["first_divergence"]
    assert (first["step"], first["field"]) == ("pipeline:preprocess", "days_since")


def test_the_guard_decides_by_what_shoppers_bought(played: Played, place: Path) -> None:
    """The recommender goes to prod with an approval; its successor is taken back by itself."""
    won, lost = played.value["won"], played.value["lost"]
    assert won["event"]["actor"] == lost["event"]["actor"] == "guard"
    assert won["report"]["verdict"]["action"] == "promote-ready"
    assert won["report"]["interval"][0] > 0
    assert played.value["refused"]["code"] == "gate/closed"
    assert lost["event"]["kind"] == "rolled-back"
    assert lost["report"]["verdict"]["action"] == "roll-back"
    assert lost["report"]["lift"] < 0
    assert 0 <= lost["again_s"] < 5
    for one in (won, lost):
        for arm in one["report"]["arms"]:
            assert 0 < arm["units"] <= one["asked"][arm["package"]] + 1, "one may have begun it"
            assert arm["conversions"] <= one["right"][arm["package"]]
    assert (place / "ketch-demo" / "report.html").read_text().lower().startswith("<!doctype html>")


def test_what_changed_the_answers_is_found(played: Played) -> None:
    explained = played.value["explained"]
    assert explained["cause"]["name"] == "pandas"
    assert (explained["cause"]["from"], explained["cause"]["to"]) == ("2.2.3", "3.0.1")
    assert explained["components"]["environment"] > 0.9
    first = explained["first_divergence"]
    assert (first["step"], first["field"]) == ("pipeline:preprocess", "days_since")
    assert explained["sentence"] in played.said


def test_the_decision_that_an_auditor_asks_about_is_repeated_to_the_byte(played: Played) -> None:
    trace = played.value["trace"]
    assert trace["decision"] == played.value["lost"]["decision"]
    assert trace["package"] == "recommender:1.1.0"
    assert trace["digest"] == played.value["packages"]["recommender-newer"]["digest"]
    assert trace["promotion"]["actor"] == "ana"
    assert trace["rerun"]["identical"] is True


def test_every_number_it_tells_is_one_that_came_out(played: Played) -> None:
    said = played.said
    for package in played.value["packages"].values():
        assert package["digest"] in said
        report = package["report"]
        for what in ("scenarios", "probes"):
            passed = sum(one["passed"] for one in report[what])
            assert f"{passed} of {len(report[what])} {what}" in said
    metrics = played.value["packages"]["recommender"]["report"]["metrics"]
    assert set(metrics) == set(telling.METRICS), "each is explained"
    for name, value in metrics.items():
        line = rf"{name} +{value:.3f}: {value:.0%} {telling.METRICS[name]}"
        assert re.search(line, said)
    broken = played.value["broken"]
    failed = [one for one in broken["scenarios"] if not one["passed"]]
    assert f"{len(failed)} of {len(broken['scenarios'])} scenarios give another answer" in said
    first = broken["first_divergence"]
    assert f"they first moved at step `{first['step']}`, field `{first['field']}`" in said
    assert f"expected {first['expected']!r}, found {first['found']!r}" in said


def test_it_names_whose_data_it_plays_with(played: Played) -> None:
    notice = Path(played.value["notice"])
    assert str(notice) in played.said
    assert "CC BY 4.0" in played.said
    assert "10.24432/C5CG6D" in notice.read_text()


def test_what_it_says_comes_next_works(place: Path, played: Played) -> None:
    lines = played.said.partition("go on with\n")[2].splitlines()
    said = [shlex.split(line) for line in lines if line.startswith("  ")]
    home, status, report, history, inspect, predict, verify = said
    assert home[0] == "export"
    variables = {**os.environ, **dict([home[1].split("=", 1)])}

    def run(command: list[str], status: int) -> str:
        argv: list[str | Path] = [KETCH, *command[1:], "--json"]
        done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        return done.stdout

    [route] = json.loads(run(status, 0))["routes"]
    assert [arm["package"] for arm in route["arms"]] == ["recommender:1.0.0"]
    assert json.loads(run(report, 0))["last"]["candidate"] == "recommender:1.1.0"
    assert json.loads(run(history, 0))["events"][0]["kind"] == "rolled-back"
    assert (
        json.loads(run(inspect, 0))["digest"] == played.value["packages"]["recommender"]["digest"]
    )
    assert json.loads(run(predict, 0)) == played.value["answers"]["recommender:1.0.0"]
    found = json.loads(run(verify, 1))["first_divergence"]
    assert found["step"] == "pipeline:preprocess"


@pytest.mark.thorough
def test_playing_again_needs_no_network_and_takes_nothing_away(place: Path, played: Played) -> None:
    """Also after one that was stopped while shoppers came."""
    decisions = place / "ketch-demo" / "home" / "decisions"
    shutil.rmtree(decisions)
    stopped = start(place, **NOWHERE)
    wait_for(decisions)
    stop(stopped)
    mine = place / "ketch-demo" / "my notes.txt"
    mine.write_text("mine")
    again = play(place, **NOWHERE)
    assert again.value["passed"]
    for name, package in played.value["packages"].items():
        assert again.value["packages"][name]["digest"] == package["digest"]
    assert mine.read_text() == "mine"


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.01)


def stop(process: subprocess.Popen[str]) -> None:
    """Stop a demo as a terminal does; nothing that it started goes on."""
    started = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    assert said.endswith("stopped\n")
    assert not any(is_running(pid) for pid in started)


MOMENTS = ["ketch-demo", "ketch-demo/recommender/data", "ketch-demo/home/store/index.json"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_who_stops_it_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = start(tmp_path, TMPDIR=str(temporary))
    wait_for(tmp_path / moment)
    stop(process)
    assert list(temporary.iterdir()) == []
    assert list(tmp_path.glob("ketch-demo/home/run/*")) == []


def test_it_touches_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    process = start(tmp_path, "--into", ".")
    printed, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "expected an empty folder" in said
    assert [path.name for path in tmp_path.iterdir() if path.name != "user"] == ["thesis.tex"]
    assert printed == ""


def test_the_wheel_brings_the_data_with_its_licence(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        declared = archive.read(metadata).decode()
    assert {"ketch/demo/data/NOTICE.md", "ketch/demo/data/lines.parquet"} <= set(names)
    assert "License-File: src/ketch/demo/data/NOTICE.md" in declared
    licences = [name for name in names if ".dist-info/licenses/" in name]
    assert {name.rpartition("/")[2] for name in licences} == {"LICENSE", "NOTICE.md"}
    made = ("/projects/recommender/model/", "/projects/recommender/data/")
    assert not [name for name in names if any(part in name for part in made)]
