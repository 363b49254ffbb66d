"""What was found stays with the package: also when it broke its contract."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.verify.desk import Desk

from ketch.authoring import pack
from ketch.package import Reference
from ketch.store import attestations, standing

pytestmark = pytest.mark.e2e

# It keeps its promise for as long as nobody asks for another answer by its variable.
MOODY = """
import os

def features(_, rows):
    return [{"x": row["x"], "where": os.getcwd(), "token": os.environ["MOOD"]} for row in rows]

def run(_, rows):
    if os.environ["MOOD"] == "sullen-today":
        raise RuntimeError(f"{os.environ['MOOD']} in {__file__} of {os.getcwd()}")
    return [{"y": row["x"]} for row in rows]
"""
SCENARIOS = [{"inputs": {"x": 1}, "expected": {"y": 1}}]


@pytest.fixture
def stored(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> str:
    """The reference of a package in the store that needs the variable ``MOOD``."""
    monkeypatch.setenv("MOOD", "cheerful-today")
    desk.write(MOODY, SCENARIOS, steps=("pipeline:features", "pipeline:run"))
    toml = desk.folder / "ketch.toml"
    toml.write_text(toml.read_text().replace("[environment]", '[environment]\nrequired = ["MOOD"]'))
    assert pack(desk.folder, home=desk.home).verified
    return f"{desk.name}:1.0.0"


def statements(desk: Desk, reference: str) -> list[Mapping[str, Any]]:
    """Return the predicates of all attestations of a package, the newest first."""
    digest = desk.home.resolve(Reference.parse(reference))
    kept = attestations(digest, desk.home.store)
    return [json.loads(one.to_bytes())["predicate"] for one in kept]


def test_a_stored_package_that_breaks_its_contract_later_is_attested_as_failed(
    desk: Desk, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOOD", "sullen-today")
    report = desk.prove(stored)
    assert not report.passed
    newest, first = statements(desk, stored)
    assert (newest["passed"], first["passed"]) == (False, True)
    assert standing(report.digest, desk.home.store).passed is False  # type: ignore[union-attr] # it has one
    assert [one["passed"] for one in desk.json("inspect", stored)["attestations"]] == [False, True]
    assert re.search(r"verified +failed \d{4}-", desk.ketch("inspect", stored).stdout)
    (listed,) = [one for one in desk.json("list") if one["name"] == desk.name]
    assert listed["verified"] is False

    monkeypatch.setenv("MOOD", "cheerful-today")
    assert desk.prove(stored).passed
    assert [one["passed"] for one in statements(desk, stored)] == [True, False, True]
    (listed,) = [one for one in desk.json("list") if one["name"] == desk.name]
    assert listed["verified"] is True


def test_a_folder_in_the_making_that_breaks_its_contract_leaves_no_trace(
    desk: Desk, stored: str
) -> None:
    code = desk.folder / "pipeline.py"
    code.write_text(code.read_text().replace('{"y": row["x"]}', '{"y": 2}'))
    report = desk.prove()
    assert not report.passed
    assert attestations(report.digest, desk.home.store) == ()
    assert len(statements(desk, stored)) == 1


def test_a_packed_package_that_fails_when_packed_again_is_attested_as_failed(
    desk: Desk, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOOD", "sullen-today")
    assert not pack(desk.folder, home=desk.home).verified
    assert [one["passed"] for one in statements(desk, stored)] == [False, True]


@pytest.mark.parametrize("mood", ["cheerful-today", "sullen-today"])
def test_an_attestation_names_no_machine_no_user_and_no_value_of_a_variable(
    desk: Desk, stored: str, mood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOOD", mood)
    desk.prove(stored)
    text = json.dumps(statements(desk, stored)[0], ensure_ascii=False)
    for unsaid in (
        mood,
        str(desk.home.path),
        str(Path.home()),
        os.environ.get("HOME", "/root"),
        platform.node(),
        str(os.getpid()),
        f"/{getpass.getuser()}",
        "/tmp",
    ):
        assert unsaid not in text
    assert "$MOOD" in text
    assert "scratch" in text
    if mood == "sullen-today":
        assert "$MOOD in code/pipeline.py of scratch" in text


def test_an_attestation_tells_the_lock_the_sandbox_the_machine_and_the_times(
    desk: Desk, stored: str
) -> None:
    (stated,) = statements(desk, stored)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", stated["lock"])
    assert stated["python"] == platform.python_version()
    layers = {layer["layer"] for layer in stated["sandbox"]}
    assert layers >= {"session", "lifeline", "limits", "landlock", "seccomp"}
    assert set(stated["machine"]) == {"system", "release", "processor", "cores"}
    assert {"started", "duration_s", "measured", "scenarios", "probes", "traces"} <= set(stated)


def test_two_attestations_of_one_package_differ_only_in_times_and_measures(
    desk: Desk, stored: str
) -> None:
    desk.prove(stored)
    one, other = ({**stated} for stated in statements(desk, stored))
    differing = {key for key in one if one[key] != other[key]}
    assert differing <= {"started", "duration_s", "measured"}


def test_a_machine_without_what_the_package_needs_attests_nothing(
    desk: Desk, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MOOD")
    told = desk.ketch("verify", stored, status=2)
    assert "the package needs `MOOD`, which is not set" in told.stderr
    assert len(statements(desk, stored)) == 1
