"""A set without a solution: which lines it is about, and what could stand there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ketch.authoring.locking import locked, read_needs
from ketch.errors import Refused
from ketch.package import EnvironmentDeclaration
from ketch.progress import Silent

from .conftest import Index

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def refused(folder: Path, text: str, name: str = "requirements.txt") -> Refused:
    (folder / name).write_text(text)
    needs = read_needs(folder, EnvironmentDeclaration(python=HERE))
    with pytest.raises(Refused) as caught:
        locked(needs, progress=Silent())
    assert caught.value.code in ("env/no-solution", "env/no-wheel")
    return caught.value


def test_a_slip_in_a_name_is_named_with_its_line_and_the_name_that_was_meant(
    index: Index, tmp_path: Path
) -> None:
    index.add("numpy")
    problem = refused(tmp_path, "# tables\nnumpy\npandsa==3.1.1\n")
    (found,) = problem.findings
    assert (problem.where, found.where) == ("requirements.txt:3", "requirements.txt:3")
    assert "`pandsa`" in found.message
    assert found.hint == "did you mean `pandas`?"


def test_a_version_that_nobody_published_is_named_with_the_newest_that_fits(
    index: Index, tmp_path: Path
) -> None:
    index.add("pandas", "3.0"), index.add("pandas", "3.1.1")
    for line in ("pandas==99.0", "pandas>=99"):
        (found,) = refused(tmp_path, f"{line}\n").findings
        assert found.where == "requirements.txt:1"
        assert f"`{line}`" in found.message
        assert found.hint == "the newest that fits is `pandas==3.1.1`"


@pytest.mark.usefixtures("index")
def test_the_name_of_an_import_is_told_from_that_of_its_library(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, "sklearn\n").findings
    assert found.hint == "did you mean `scikit-learn`?"


@pytest.mark.usefixtures("index")
def test_a_name_like_no_other_is_to_be_checked(tmp_path: Path) -> None:
    (found,) = refused(tmp_path, "zzqqwx\n").findings
    assert found.hint is not None
    assert "spelled" in found.hint


def test_lines_that_exclude_each_other_are_all_named(index: Index, tmp_path: Path) -> None:
    index.add("frames", requires=["numbers>=2"])
    index.add("numbers", "1.0"), index.add("numbers", "2.0"), index.add("other")
    problem = refused(tmp_path, "other\nnumbers==1.0\nframes\n")
    assert [one.where for one in problem.findings] == ["requirements.txt:2", "requirements.txt:3"]
    assert problem.where == "requirements.txt"
    assert problem.hint is not None
    assert "`[environment] python`" in problem.hint
    assert "python_full_version" not in problem.message


def test_the_line_may_be_one_of_a_project(index: Index, tmp_path: Path) -> None:
    index.add("numpy")
    text = '[project]\nname = "x"\nversion = "1"\ndependencies = ["numpy", "pandsa"]\n'
    problem = refused(tmp_path, text, "pyproject.toml")
    assert problem.where == "pyproject.toml: project.dependencies[1]"


def test_what_only_another_library_asks_for_is_named_with_the_file(
    index: Index, tmp_path: Path
) -> None:
    index.add("frames", requires=["pandsa"])
    problem = refused(tmp_path, "frames\n")
    assert problem.where == "requirements.txt:1"
    assert "pandsa" in problem.message
