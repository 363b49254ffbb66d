"""What the demo says to go on with can be typed where it was said."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ketch.cli.demo import _typed


def program(folder: Path) -> Path:
    folder.mkdir()
    (folder / "ketch").write_text("#!/bin/sh\n")
    (folder / "ketch").chmod(0o755)
    return folder / "ketch"


def test_ketch_is_called_by_its_name_where_the_shell_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = program(tmp_path / "bin")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "ketch").symlink_to(running)
    monkeypatch.setattr(sys, "argv", [str(running), "demo"])
    for folder in ("bin", "linked"):
        monkeypatch.setenv("PATH", str(tmp_path / folder))
        assert _typed() == "ketch"


@pytest.mark.parametrize("others", ["nothing", "another ketch"])
def test_ketch_is_called_by_its_path_where_the_shell_would_run_another_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: str
) -> None:
    running = program(tmp_path / "my programs")
    path = tmp_path / "bin"
    if others == "nothing":
        path.mkdir()
    else:
        program(path)
    monkeypatch.setattr(sys, "argv", [str(running), "demo"])
    monkeypatch.setenv("PATH", str(path))
    assert _typed() == f"'{running}'"


def test_a_program_that_is_not_ketch_names_ketch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/python3"])
    assert _typed() == "ketch"
