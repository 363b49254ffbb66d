"""``ketch init`` without a model: what is written, and what is never touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ketch.authoring import gather, init, pack
from ketch.authoring.init import NOBODY
from ketch.errors import KetchError, NotFound, UsageError
from ketch.package import read_manifest
from ketch.runtime import Home


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_new_folder_has_nothing_wrong_with_it(tmp_path: Path) -> None:
    made = init(tmp_path / "gauge")
    assert names(made.path) == set(made.files)
    assert gather(made.path).findings == ()


def test_a_new_folder_packs_and_keeps_its_contract(tmp_path: Path, home: Home) -> None:
    packed = pack(init(tmp_path / "gauge").path, home=home)
    assert packed.verified
    assert str(packed.package.reference) == "gauge:0.1.0"


def test_the_pipeline_of_a_new_folder_imports_nothing_of_ketch(tmp_path: Path) -> None:
    text = (init(tmp_path / "gauge").path / "pipeline.py").read_text()
    assert "import ketch" not in text
    assert "from ketch" not in text


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Top Sellers (2)", "top-sellers-2"),
        ("größe", "gr-e"),
        ("___", "model"),
        ("x" * 90, "x" * 64),
    ],
)
def test_the_name_is_made_of_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    init(tmp_path / folder)
    assert f'name = "{name}"' in (tmp_path / folder / "ketch.toml").read_text()


def test_a_name_that_is_given_is_held_to_the_grammar(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        init(tmp_path / "x", name="Not A Name")
    assert caught.value.code == "package/name-syntax"
    assert not (tmp_path / "x").exists()


def test_what_is_there_is_never_overwritten_and_all_of_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "README.md").write_text("mine")
    (folder / "scenarios" / "two-requests.json").write_text("mine")
    with pytest.raises(UsageError) as caught:
        init(folder)
    assert caught.value.code == "init/exists"
    assert "README.md" in caught.value.message
    assert names(folder) == {"README.md", "scenarios/two-requests.json"}


def test_a_file_in_a_folder_of_the_template_is_in_the_way_too(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "scenarios").mkdir(parents=True)
    (folder / "scenarios" / "two-requests.json").write_text("mine")
    with pytest.raises(UsageError, match="two-requests"):
        init(folder)
    assert names(folder) == {"scenarios/two-requests.json"}
    assert not list(folder.glob(".ketch-init-*"))


def test_other_files_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print()")
    made = init(tmp_path, name="mine")
    assert "train.py" not in made.files
    assert (tmp_path / "train.py").read_text() == "print()"


def test_a_link_that_leads_nowhere_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "ketch.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError):
        init(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError) as caught:
        init(tmp_path / "x")
    assert caught.value.code == "init/exists"


def test_files_have_the_rights_that_the_user_gives_new_files(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        made = init(tmp_path / "x")
    finally:
        os.umask(before)
    assert (made.path / "ketch.toml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("source", ["missing.pkl", "missing/"])
def test_a_source_that_is_not_there_is_said_so(tmp_path: Path, home: Home, source: str) -> None:
    with pytest.raises(NotFound) as caught:
        init(tmp_path / "x", source=tmp_path / source, home=home)
    assert caught.value.code == "init/no-source"
    assert not (tmp_path / "x").exists()


def test_an_example_without_a_model_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        init(tmp_path / "x", example=tmp_path / "rows.csv")
    assert caught.value.code == "init/example-alone"


def test_an_mlflow_model_is_told_apart(tmp_path: Path, home: Home) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "MLmodel").write_text("flavors: {}")
    with pytest.raises(UsageError) as caught:
        init(tmp_path / "x", source=tmp_path / "m", home=home)
    assert caught.value.code == "init/mlflow"


def test_a_failure_leaves_nothing(tmp_path: Path, home: Home) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"\x00" * 100)
    with pytest.raises(KetchError):
        init(tmp_path / "x", source=tmp_path / "bad.onnx", home=home)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.onnx"]


def test_a_project_without_a_model_becomes_a_sketch(tmp_path: Path, home: Home) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "shop.py").write_text("import json\n")
    made = init(tmp_path / "x", source=project, home=home)
    assert "init/no-model" in {finding.code for finding in made.findings}
    assert {"ketch.toml", "pipeline.py", "README.md", "requirements.txt"} <= set(made.files)


def test_a_sketch_declares_the_functions_that_it_has(tmp_path: Path, home: Home) -> None:
    (tmp_path / "project").mkdir()
    made = init(tmp_path / "x", source=tmp_path / "project", home=home)
    read, _ = read_manifest(made.path)
    assert read is not None
    assert (read.pipeline.load, [str(one) for one in read.pipeline.steps]) == (
        None,
        ["pipeline:predict"],
    )
    assert "def load" not in (made.path / "pipeline.py").read_text()
    assert '"""\n\n\ndef predict(' in (made.path / "pipeline.py").read_text()


def test_a_notebook_of_a_project_is_not_passed_over_in_silence(tmp_path: Path, home: Home) -> None:
    project = tmp_path / "project"
    (project / "work").mkdir(parents=True)
    (project / "work" / "churn.ipynb").write_text('{"cells": [], "nbformat": 4}')
    made = init(tmp_path / "x", source=project, home=home)
    (told,) = [one for one in made.findings if one.code == "init/notebook"]
    assert told.where == "work/churn.ipynb"
    assert "`ketch init --from NOTEBOOK.ipynb`" in (told.hint or "")
    assert not told.blocks


def test_a_project_becomes_a_package_where_it_lies(tmp_path: Path, home: Home) -> None:
    (tmp_path / "README.md").write_text("mine")
    (tmp_path / "requirements.txt").write_text("# mine\n")
    (tmp_path / "shop.py").write_text("import json\n")
    init(tmp_path, source=tmp_path, name="mine", home=home)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert (tmp_path / "requirements.txt").read_text() == "# mine\n"
    assert (tmp_path / "ketch.toml").is_file()


def owner_of(folder: Path) -> str:
    read, _ = read_manifest(folder)
    assert read is not None
    return read.owner


def test_the_owner_is_whom_git_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "gitconfig"
    config.write_text('[user]\n\temail = ann\\"o\\"@shop.example\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    made = init(tmp_path / "deep" / "gauge")
    assert owner_of(made.path) == 'ann"o"@shop.example'
    assert made.findings == ()


def test_the_owner_is_who_is_logged_in_where_git_knows_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LOGNAME", "ann")
    assert owner_of(init(tmp_path / "gauge").path) == "ann"


def test_that_nobody_answers_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no user of this number")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("getpass.getuser", nobody)
    made = init(tmp_path / "gauge")
    assert [finding.code for finding in made.findings] == ["init/owner"]
    assert owner_of(made.path) == NOBODY


def test_the_pipeline_of_a_draft_leaves_the_modules_of_the_author_alone(
    tmp_path: Path, home: Home
) -> None:
    (tmp_path / "pipeline.py").write_text("import json\n")
    made = init(tmp_path, source=tmp_path, name="mine", home=home)
    assert (tmp_path / "pipeline.py").read_text() == "import json\n"
    assert "steps.py" in made.files
    assert 'steps = ["steps:predict"]' in (tmp_path / "ketch.toml").read_text()
    assert any("steps.py" in f"{one.where} {one.message} {one.hint}" for one in made.findings)
