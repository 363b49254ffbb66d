"""Versions that fit together, and what is given up for that; real uv, an index in a folder."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from tests.unit.env.conftest import Index

from ketch.authoring.drafting.needs import Need
from ketch.authoring.drafting.solve import Solved, solve
from ketch.env import find_python
from ketch.errors import Unavailable
from ketch.progress import Silent

RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
RECORDED = Need("scikit-learn", "==1.3.2", "recorded in the model file", firm="==1.3.2")
ACTIVE = "as in the active environment"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """Old and new libraries; the old scikit-learn takes the old numpy alone."""
    folder = tmp_path / "index"
    folder.mkdir()
    settings = tmp_path / "uv-settings.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    made = Index(folder)
    made.add("scikit-learn", "1.3.2", requires=["numpy<2"])
    made.add("scikit-learn", "1.9.1", requires=["numpy>=2"])
    for name in ("numpy", "pandas"):
        made.add(name, "1.0"), made.add(name, "2.0")
    return made


def lines(solved: Solved) -> list[str]:
    text = (line.partition("#")[0].strip() for line in solved.requirements.splitlines())
    return [line for line in text if line]


def told(solved: Solved) -> dict[str, str]:
    return {finding.code: finding.message for finding in solved.findings}


@pytest.mark.usefixtures("index")
def test_what_the_model_file_records_stays_when_the_environment_excludes_it() -> None:
    solved = solve(
        [Need("numpy", "==2.0", ACTIVE), Need("pandas", "==1.0", ACTIVE), RECORDED], Silent()
    )
    assert lines(solved) == ["numpy==1.0", "pandas==1.0", "scikit-learn==1.3.2"]
    message = told(solved)["init/versions-given-up"]
    assert "`numpy==2.0`" in message
    assert "`pandas==1.0`" not in message
    assert "`scikit-learn==1.3.2`" not in message


@pytest.mark.usefixtures("index")
def test_a_recorded_version_that_nobody_has_is_given_up_last() -> None:
    gone = Need("scikit-learn", "==0.1", "recorded in the model file", firm="==0.1")
    solved = solve([Need("pandas", "==1.0", ACTIVE), gone], Silent())
    assert lines(solved) == ["pandas==2.0", "scikit-learn==1.9.1"]
    assert "`scikit-learn==0.1`" in told(solved)["init/versions-given-up"]


def test_why_versions_were_given_up_is_cut_between_words(index: Index) -> None:
    names = [f"library-{letter * 20}" for letter in "abcdefgh"]
    for at, name in enumerate(names):
        needed = [f"{names[at + 1]}>=1"] if at + 1 < len(names) else ["numpy>=2"]
        index.add(name, "1.0", requires=needed)
    index.add(names[0], "2.0")
    needs = [Need("numpy", "==1.0", ACTIVE), Need(names[0], "==1.0", ACTIVE)]
    message = told(solve(needs, Silent()))["init/versions-given-up"]
    words = [re.split("[=<>,.`:]", word.lstrip("`"))[0] for word in message.split()]
    assert len(message) > 400
    assert {word for word in words if word.startswith("library")} <= set(names)
    assert message.endswith((".", " …"))


def environment(folder: Path, python: str) -> str:
    (folder / "lib" / f"python{python}" / "site-packages").mkdir(parents=True)
    return str(folder)


@pytest.mark.usefixtures("index")
@pytest.mark.parametrize("variable", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_the_python_is_that_of_the_active_environment(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [one for one in ("3.10", "3.12", "3.13") if one != RUNNING and is_here(one)]
    if not others:
        pytest.skip("only one Python on this machine")
    monkeypatch.setenv(variable, environment(tmp_path / "training", others[0]))
    solved = solve([Need("numpy")], Silent())
    assert solved.python == others[0]
    assert "init/other-python" not in told(solved)


@pytest.mark.usefixtures("index")
def test_an_active_python_that_runs_no_package_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", environment(tmp_path / "training", "3.8"))
    solved = solve([Need("numpy")], Silent())
    assert solved.python == RUNNING
    assert f"`3.8`, the package gets `{RUNNING}`" in told(solved)["init/other-python"]


def is_here(python: str) -> bool:
    try:
        find_python(python, offline=True)
    except Unavailable:
        return False
    return True
