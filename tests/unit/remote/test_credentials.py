"""Where the credentials of registries come from."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ketch.errors import UsageError
from ketch.remote.auth import Basic
from ketch.remote.credentials import login_for


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def given(auths: dict[str, object]) -> dict[str, str]:
    return {"DOCKER_AUTH_CONFIG": json.dumps({"auths": auths})}


ANN = Basic("ann", "s:cret")


@pytest.mark.parametrize(
    "key",
    ["registry.example", "https://registry.example", "https://registry.example/v1/"],
)
def test_a_login_is_found_by_its_host(key: str) -> None:
    found = given({"other.example": auth("x", "y"), key: auth("ann", "s:cret")})
    assert login_for("registry.example", "team/shop", found) == ANN
    assert login_for("registry.example:5000", "team/shop", found) is None
    assert login_for("evil-registry.example", "", found) is None


def test_a_part_of_a_registry_has_a_login_of_its_own() -> None:
    found = given({"r.example": auth("x", "y"), "r.example/team": auth("ann", "s:cret")})
    assert login_for("r.example", "team/shop", found) == ANN
    assert login_for("r.example", "teams/shop", found) == Basic("x", "y")


def test_an_address_may_stand_there_as_older_tools_write_it() -> None:
    found = given({"https://r.example/v1/": auth("ann", "s:cret")})
    assert login_for("r.example", "team/shop", found) == ANN


def test_name_and_password_may_stand_there_as_they_are() -> None:
    found = given({"r.example": {"username": "ann", "password": "s:cret"}})
    assert login_for("r.example", "", found) == ANN


@pytest.mark.parametrize("entry", [{}, {"auth": ""}, {"email": "ann@shop.example"}])
def test_what_a_helper_program_keeps_is_not_asked_for(entry: dict[str, str]) -> None:
    assert login_for("r.example", "", given({"r.example": entry})) is None


def test_files_are_read_in_their_order(tmp_path: Path) -> None:
    docker, named = tmp_path / "docker", tmp_path / "auth.json"
    docker.mkdir()
    for path, user in ((docker / "config.json", "folder"), (named, "file")):
        path.write_text(json.dumps({"auths": {"r.example": auth(user, "p")}}))
    places = {"DOCKER_CONFIG": str(docker)}
    assert login_for("r.example", "", places) == Basic("folder", "p")
    places["REGISTRY_AUTH_FILE"] = str(named)
    assert login_for("r.example", "", places) == Basic("file", "p")
    assert login_for("r.example", "", {**places, **given({})}) is None


def test_no_file_is_no_login(tmp_path: Path) -> None:
    assert login_for("r.example", "", {"DOCKER_CONFIG": str(tmp_path / "none")}) is None


@pytest.mark.parametrize(
    "text", ["nonsense", '{"auths": {"r.example": {"auth": "%%%"}}}', '{"auths": {"r.example": 7}}']
)
def test_a_file_that_cannot_be_read_is_told_without_its_content(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        login_for("r.example", "", {"DOCKER_AUTH_CONFIG": text})
    assert "DOCKER_AUTH_CONFIG" in str(caught.value.where)
    assert "%%%" not in str(caught.value)


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        login_for("r.example", "", {"REGISTRY_AUTH_FILE": str(tmp_path)})
    assert caught.value.code == "remote/credentials"
