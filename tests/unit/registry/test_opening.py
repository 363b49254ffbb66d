"""Who stands at the desk of a registry on this machine."""

import os

import pytest

from ketch.errors import UsageError
from ketch.registry import person


@pytest.mark.parametrize("name", ["ana", "Ana Müller", "ana@shop.example", "a" * 200])
def test_a_person_is_who_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_USER", name)
    assert person() == name


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    for variable in ("KETCH_USER", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert person() == f"uid {os.getuid()}"


@pytest.mark.parametrize("name", ["ana\n2026-03-03  ben", " ", "\udcff", "\x1b[2J", "a" * 201])
def test_a_person_is_one_part_of_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_USER", name)
    with pytest.raises(UsageError) as problem:
        person()
    assert problem.value.code == "registry/person"
