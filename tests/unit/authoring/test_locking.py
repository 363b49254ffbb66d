"""What a folder asks of its environment, and when its lock still fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch.authoring.locking import keep_lock, locked, read_needs
from ketch.env import LOCK_FILE, read_lock
from ketch.package import EnvironmentDeclaration
from ketch.progress import Silent

PYTHON = "3.11"


def declared(python: str = PYTHON, **more: bool | str) -> EnvironmentDeclaration:
    return EnvironmentDeclaration(python=python, **more)  # type: ignore[arg-type] # of a test


def test_a_lock_fits_while_what_was_asked_for_stays(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    lock = locked(read_needs(tmp_path, declared()), progress=Silent())
    assert not (tmp_path / LOCK_FILE).exists()
    keep_lock(tmp_path, lock)
    needs = read_needs(tmp_path, declared())
    assert needs.fitting == lock
    assert locked(needs, progress=Silent()) is needs.lock


@pytest.mark.parametrize("change", ["requirements", "python", "build policy"])
def test_a_lock_is_stale_when_something_else_is_asked_for(tmp_path: Path, change: str) -> None:
    keep_lock(tmp_path, locked(read_needs(tmp_path, declared()), progress=Silent()))
    if change == "requirements":
        (tmp_path / "requirements.txt").write_text("six\n")
    wanted = {
        "requirements": declared(),
        "python": declared("3.12"),
        "build policy": declared(allow_source_builds=True),
    }[change]
    assert read_needs(tmp_path, wanted).fitting is None


def test_a_lock_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    lock = locked(read_needs(tmp_path, declared()), progress=Silent())
    keep_lock(tmp_path, lock)
    before = (tmp_path / LOCK_FILE).stat()
    keep_lock(tmp_path, lock)
    assert (tmp_path / LOCK_FILE).stat() == before


def test_a_damaged_lock_is_a_finding_and_is_replaced(tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text("six\n")
    needs = read_needs(tmp_path, declared())
    assert [(one.code, one.where) for one in needs.findings] == [("env/lock", f"{LOCK_FILE}:1")]
    assert needs.fitting is None
    (tmp_path / "other").mkdir()
    lock = locked(read_needs(tmp_path / "other", declared()), progress=Silent())
    keep_lock(tmp_path, lock)
    assert read_lock(tmp_path) == lock


def pyproject(folder: Path, asked: str) -> None:
    text = f'[project]\nname = "x"\nversion = "1"\nrequires-python = "{asked}"\ndependencies = []\n'
    (folder / "pyproject.toml").write_text(text)


@pytest.mark.parametrize(
    ("asked", "python", "agree"),
    [
        (">=3.11", "3.11", True),
        (">=3.11.4", "3.11", True),
        ("==3.11.*", "3.11", True),
        (">=3.9,<3.12", "3.11.7", True),
        (">=3.12", "3.11", False),
        ("<3.11", "3.11", False),
        (">=3.11.8", "3.11.7", False),
        ("==3.10.*", "3.11", False),
    ],
)
def test_the_python_of_a_project_has_to_agree(
    tmp_path: Path, asked: str, python: str, *, agree: bool
) -> None:
    pyproject(tmp_path, asked)
    findings = read_needs(tmp_path, declared(python)).findings
    assert [one.code for one in findings] == ([] if agree else ["env/python-request"])
    if findings:
        assert findings[0].where == "pyproject.toml: project.requires-python"
        assert f"`{python}`" in findings[0].message


@pytest.mark.parametrize(
    ("asked", "python", "agree"),
    [
        ("3.11", "3.11", True),
        ("3.11", "3.11.7", True),
        ("3.11.7", "3.11", True),
        ("3.11.8", "3.11.7", False),
        ("3.10", "3.11", False),
        ("3.1", "3.11", False),
    ],
)
def test_the_python_of_a_conda_file_has_to_agree(
    tmp_path: Path, asked: str, python: str, *, agree: bool
) -> None:
    (tmp_path / "environment.yml").write_text(f"dependencies:\n  - python={asked}\n")
    findings = read_needs(tmp_path, declared(python)).findings
    assert [one.code for one in findings] == ([] if agree else ["env/python-request"])


def test_names_are_those_that_a_folder_names_itself(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("Scikit_Learn>=1\nsix==1.16.0\n")
    assert read_needs(tmp_path, declared()).names == {"scikit-learn", "six"}
