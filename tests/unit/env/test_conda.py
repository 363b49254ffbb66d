from __future__ import annotations

from pathlib import Path

import pytest

from ketch.env import read_requirements

MLFLOW = """\
channels:
- conda-forge
dependencies:
- python=3.10.13
- pip<=23.3
- pip:
  - scikit-learn==1.9.1
  - NumPy==2.4.6  # pinned
name: mlflow-env
"""


def test_the_pip_part_and_the_python_are_read(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text(MLFLOW)
    found = read_requirements(tmp_path)
    assert found.findings == ()
    assert found.python == "3.10.13"
    assert found.lines == ("scikit-learn==1.9.1", "numpy==2.4.6")
    assert found.source == "conda.yaml"


@pytest.mark.parametrize(
    ("spec", "python"),
    [
        ("python=3.11", "3.11"),
        ("python==3.11.7", "3.11.7"),
        ("python = 3.11", "3.11"),
        ("python=3.11.7=h123_0_cpython", "3.11.7"),
        ("conda-forge::python=3.12.*", "3.12"),
    ],
)
def test_a_python_version_is_honoured(tmp_path: Path, spec: str, python: str) -> None:
    (tmp_path / "environment.yml").write_text(f"dependencies: ['{spec}']\n")
    found = read_requirements(tmp_path)
    assert (found.python, found.findings) == (python, ())


@pytest.mark.parametrize("spec", ["python", "python>=3.10", "python=2.7"])
def test_a_python_that_says_no_version_is_a_finding(tmp_path: Path, spec: str) -> None:
    (tmp_path / "environment.yml").write_text(f"dependencies: ['{spec}']\n")
    found = read_requirements(tmp_path)
    assert [finding.code for finding in found.findings] == ["env/python-request"]


def test_what_only_conda_installs_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text(
        "dependencies: [numpy=1.26.4=py311h64, 'conda-forge::cudatoolkit', pip, {pip: [six]}]\n"
    )
    found = read_requirements(tmp_path)
    assert [finding.code for finding in found.findings] == ["env/conda-only"] * 2
    assert "numpy==1.26.4" in str(found.findings[0].hint)
    assert found.findings[1].where == "environment.yml: dependencies[1]"
    assert found.lines == ("six",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("dependencies: [", "env/unreadable-file"),
        ("- a\n- b\n", "env/unreadable-file"),
        ("dependencies: six\n", "env/unreadable-file"),
        ("dependencies: [!!python/object/apply:os.system ['true']]\n", "env/unreadable-file"),
        ("dependencies: [3.11]\n", "env/bad-requirement"),
        ("dependencies: [{npm: [x]}]\n", "env/bad-requirement"),
        ("dependencies: [{pip: [3]}]\n", "env/bad-requirement"),
        ('dependencies: [{pip: ["six\\n--pre"]}]\n', "env/bad-requirement"),
        ("dependencies: [{pip: [-e .]}]\n", "env/editable-requirement"),
        ("dependencies: [{pip: [-r ../x.txt]}]\n", "env/include-outside"),
        ("dependencies: " + "[" * 5000 + "\n", "env/unreadable-file"),
    ],
)
def test_anything_else_in_the_file_is_a_finding(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "environment.yml").write_text(text)
    assert [finding.code for finding in read_requirements(tmp_path).findings] == [code]


def test_the_pip_part_may_include_a_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: [{pip: ['-r deps.txt']}]\n")
    (tmp_path / "deps.txt").write_text("six\n")
    found = read_requirements(tmp_path)
    assert found.lines == ("six",)
    assert found.files == ("environment.yml", "deps.txt")
