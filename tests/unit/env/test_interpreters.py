from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ketch.env import find_python, interpreters
from ketch.errors import Unavailable, UsageError

RUNNING = platform.python_version()
MINOR = RUNNING.rpartition(".")[0]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing but what the test puts there, and the running Python hidden."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", str(tmp_path / "managed"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(interpreters, "_running", lambda: None)
    monkeypatch.setattr(interpreters, "_SYSTEM_FOLDERS", ())
    (tmp_path / "bin").mkdir()
    return tmp_path


def fake(path: Path, version: str, implementation: str = "cpython") -> Path:
    """Make a program that answers like a Python, and is not a script by its first bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'if [ "$1" = -V ]; then echo Python {version}; exit; fi\n'
        f"printf '{version}\\n{implementation}\\n/prefix\\n/prefix\\n'\n"
    )
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def shell_runs_fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text file without `#!` cannot be executed directly; let a shell read it."""
    ask = interpreters._ask

    def through_a_shell(path: Path, *arguments: str) -> str | None:
        if path.read_bytes()[:4] == b"\x7fELF":
            return ask(path, *arguments)
        return ask(Path("/bin/sh"), str(path), *arguments)

    monkeypatch.setattr(interpreters, "_ask", through_a_shell)


def test_the_running_python_is_found_without_starting_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interpreters, "_ask", lambda *_: pytest.fail("started a program"))
    interpreters._found.clear()
    found = find_python(RUNNING)
    assert found.version == RUNNING
    assert found.path.samefile(sys.executable)
    assert found.path == found.path.resolve()


def test_the_newest_release_wins(elsewhere: Path) -> None:
    fake(elsewhere / "bin" / "python3.11", "3.11.2")
    fake(elsewhere / "pyenv/versions/3.11.10/bin/python3.11", "3.11.10")
    newest = fake(elsewhere / "managed/cpython-3.11.12-linux-x86_64-gnu/bin/python3.11", "3.11.12")
    assert find_python("3.11").path == newest
    assert find_python("3.11").version == "3.11.12"


def test_an_exact_release_is_that_release_or_nothing(elsewhere: Path) -> None:
    old = fake(elsewhere / "pyenv/versions/3.11.1/bin/python3.11", "3.11.1")
    fake(elsewhere / "pyenv/versions/3.11.10/bin/python3.11", "3.11.10")
    assert find_python("3.11.1").path == old
    with pytest.raises(Unavailable):
        find_python("3.11.2", offline=True)


def test_a_shim_is_passed_over(elsewhere: Path) -> None:
    shim = elsewhere / "bin" / "python3.11"
    shim.write_text("#!/bin/sh\necho Python 3.11.99\n")
    shim.chmod(0o755)
    real = fake(elsewhere / "pyenv/versions/3.11.7/bin/python3.11", "3.11.7")
    assert find_python("3.11").path == real


def test_a_link_is_followed_to_the_program(elsewhere: Path) -> None:
    real = fake(elsewhere / "opt" / "python3.11", "3.11.7")
    (elsewhere / "bin" / "python3.11").symlink_to(real)
    assert find_python("3.11").path == real


def test_a_folder_name_that_lies_is_not_believed(elsewhere: Path) -> None:
    fake(elsewhere / "pyenv/versions/3.11.9/bin/python3.11", "3.11.3")
    honest = fake(elsewhere / "bin" / "python3.11", "3.11.7")
    assert find_python("3.11").path == honest


@pytest.mark.parametrize("implementation", ["pypy", "cpythont", "cpythond"])
def test_other_implementations_and_builds_are_passed_over(
    elsewhere: Path, implementation: str
) -> None:
    fake(elsewhere / "bin" / "python3.13", "3.13.1", implementation)
    plain = fake(elsewhere / "pyenv/versions/3.13.0/bin/python3.13", "3.13.0")
    assert find_python("3.13").path == plain


def test_a_program_that_does_not_run_is_passed_over(elsewhere: Path) -> None:
    broken = elsewhere / "bin" / "python3.11"
    broken.write_text("exit 1\n")
    broken.chmod(0o755)
    with pytest.raises(Unavailable):
        find_python("3.11", offline=True)


@pytest.mark.parametrize("variable", ["PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "PATH"])
def test_a_place_that_cannot_be_looked_at_is_passed_over(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """As a folder of another user; root may look everywhere, but at no name of 300 letters."""
    real = fake(elsewhere / "home/.local/bin/python3.11", "3.11.7")
    monkeypatch.setenv(variable, f"/{'x' * 300}")
    assert find_python("3.11").path == real
    with pytest.raises(Unavailable, match=r"found `3\.11\.7`"):
        find_python("3.12", offline=True)


def test_what_is_missing_is_said_with_what_is_here(elsewhere: Path) -> None:
    fake(elsewhere / "bin" / "python3.10", "3.10.4")
    fake(elsewhere / "bin" / "python3.9", "3.9.18")
    fake(elsewhere / "bin" / "python3.8", "3.8.18")
    with pytest.raises(Unavailable) as caught:
        find_python("3.12", offline=True)
    assert caught.value.code == "env/python-missing"
    message = caught.value.message
    assert message == "expected Python `3.12` on this machine, found `3.9.18`, `3.10.4`"
    assert "uv python install 3.12" in str(caught.value.hint)


def test_why_uv_cannot_fetch_it_is_said(elsewhere: Path) -> None:
    fake(elsewhere / "bin" / "python3.9", "3.9.18")
    with pytest.raises(Unavailable) as caught:
        find_python("3.99")
    assert "found `3.9.18`; uv: No download found" in caught.value.message


def test_a_python_that_no_worker_runs_on_is_refused(elsewhere: Path) -> None:
    fake(elsewhere / "bin" / "python3.8", "3.8.18")
    for request in ("3.8", "3.8.18"):
        with pytest.raises(UsageError, match=r"from `3\.9` on") as caught:
            find_python(request)
        assert caught.value.code == "env/python-request"


@pytest.mark.parametrize(
    "request_text", ["", "3", "2.7", "3.11.7.1", "python3.11", "3.11-dev", "3.\u0661", "3.11\n"]
)
def test_a_request_that_is_no_version_is_refused(request_text: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_python(request_text)
    assert caught.value.code == "env/python-request"


def test_a_second_search_starts_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_python(MINOR)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started a program"))
    assert find_python(MINOR) == found
