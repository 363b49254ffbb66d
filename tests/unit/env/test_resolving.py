"""Real uv against an index in a folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ketch.env import (
    Interpreter,
    Lock,
    Requirements,
    Resolving,
    find_python,
    read_requirements,
    resolve,
)
from ketch.env.uv import run_uv
from ketch.errors import ManifestError, Refused

from .conftest import Index

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


def wanting(*lines: str) -> Requirements:
    return Requirements(source="requirements.txt", lines=lines)


def pins(lock: Lock) -> list[str]:
    return [f"{package.name}=={package.version}" for package in lock.packages]


def test_everything_that_is_needed_is_pinned_with_its_hash(index: Index) -> None:
    app = index.add("app", requires=["lib>=1"])
    old, new = index.add("lib", "1.0"), index.add("lib", "1.5")
    lock = resolve(wanting("app"), MINOR)
    assert pins(lock) == ["app==1.0", "lib==1.5"]
    assert [package.hashes for package in lock.packages] == [(app,), (new,)]
    assert old != new
    assert lock.python == find_python(MINOR).version
    assert lock.inputs == wanting("app").digest(MINOR)
    assert Lock.parse(str(lock)) == lock


def test_requirements_of_nothing_make_an_empty_lock() -> None:
    lock = resolve(Requirements(), MINOR)
    assert lock.packages == ()
    assert lock.python.startswith(MINOR)


def test_markers_of_other_platforms_are_kept_and_of_other_pythons_left_out(index: Index) -> None:
    requires = ['winonly; sys_platform == "win32"', 'ancient; python_version < "3.9"']
    index.add("app", requires=[*requires, 'modern; python_version >= "3.9"'])
    for name in ("winonly", "ancient", "modern"):
        index.add(name)
    lock = resolve(wanting("app"), MINOR)
    assert [(package.name, package.marker) for package in lock.packages] == [
        ("app", ""),
        ("modern", ""),
        ("winonly", "sys_platform == 'win32'"),
    ]


def test_a_lock_for_this_platform_alone_has_no_markers(index: Index) -> None:
    index.add("app", requires=['winonly; sys_platform == "win32"'])
    index.add("winonly")
    assert pins(resolve(wanting("app"), MINOR, Resolving(universal=False))) == ["app==1.0"]


def test_versions_of_an_existing_lock_are_kept_where_they_satisfy(index: Index) -> None:
    index.add("a"), index.add("b")
    first = resolve(wanting("a", "b"), MINOR)
    index.add("a", "2.0"), index.add("b", "2.0")
    kept = resolve(wanting("a", "b>=2"), MINOR, Resolving(existing=first))
    assert pins(kept) == ["a==1.0", "b==2.0"]
    upgraded = resolve(wanting("a", "b"), MINOR, Resolving(existing=first, upgrade=True))
    assert pins(upgraded) == ["a==2.0", "b==2.0"]


def test_the_python_of_an_existing_lock_is_kept_when_it_is_here(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = find_python(MINOR)
    older = replace(here, version=f"{MINOR}.0")

    def found(text: str, **_: object) -> Interpreter:
        return older if text == older.version else here

    monkeypatch.setattr("ketch.env.resolving.find_python", found)
    existing = Lock(python=older.version)
    assert resolve(Requirements(), MINOR, Resolving(existing=existing)).python == older.version
    assert resolve(Requirements(), MINOR).python == here.version


def test_constraints_limit_what_others_bring(index: Index) -> None:
    index.add("app", requires=["lib"])
    index.add("lib", "1.0"), index.add("lib", "2.0")
    asked = Requirements(source="requirements.txt", lines=("app",), constraints=("lib<2",))
    assert pins(resolve(asked, MINOR)) == ["app==1.0", "lib==1.0"]


def test_only_the_files_the_author_allowed_stay(index: Index) -> None:
    allowed = index.add("app")
    index.add("app", tag=f"cp{MINOR.replace('.', '')}-none-any")
    asked = Requirements(source="r", lines=("app",), hashes={"app": frozenset({allowed})})
    assert resolve(asked, MINOR).packages[0].hashes == (allowed,)
    asked = Requirements(source="r", lines=("app",), hashes={"app": frozenset({"0" * 64})})
    with pytest.raises(Refused) as caught:
        resolve(asked, MINOR)
    assert caught.value.code == "env/hash-mismatch"


def test_requirements_that_contradict_each_other_are_refused(index: Index) -> None:
    index.add("a", requires=["lib<2"])
    index.add("lib", "1.0"), index.add("lib", "2.0")
    with pytest.raises(Refused) as caught:
        resolve(wanting("a", "lib>=2"), MINOR)
    assert caught.value.code == "env/no-solution"
    assert "a==1.0 depends on lib<2" in caught.value.message or "lib<2" in caught.value.message


def test_findings_stop_the_work_before_uv_runs(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-e .\n--pre\n")
    with pytest.raises(Refused) as caught:
        resolve(read_requirements(tmp_path), MINOR)
    assert [finding.code for finding in caught.value.findings] == [
        "env/editable-requirement",
        "env/option",
    ]


def test_a_python_the_project_does_not_allow_is_refused() -> None:
    with pytest.raises(Refused) as caught:
        resolve(Requirements(source="pyproject.toml", requires_python="<3"), MINOR)
    assert caught.value.code == "env/python-request"


def project(folder: Path, *dependencies: str) -> None:
    folder.mkdir(exist_ok=True)
    listed = ", ".join(f'"{one}"' for one in dependencies)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "p"\nversion = "0"\nrequires-python = ">=3.9"\ndependencies = [{listed}]\n'
    )


def test_a_uv_lock_is_kept_to(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    index.add("lib", "1.0")
    project(folder, "lib")
    run_uv(["lock", "--quiet"], folder=folder)
    index.add("lib", "2.0")
    found = read_requirements(folder)
    lock = resolve(found, MINOR)
    assert pins(lock) == ["lib==1.0"]
    assert lock.packages[0].hashes


def test_a_stale_uv_lock_is_refused(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    index.add("lib"), index.add("more")
    project(folder, "lib")
    run_uv(["lock", "--quiet"], folder=folder)
    project(folder, "lib", "more")
    with pytest.raises(Refused) as caught:
        resolve(read_requirements(folder), MINOR)
    assert caught.value.code == "env/uv-lock-stale"


def test_a_uv_lock_that_pins_a_path_is_refused(index: Index, tmp_path: Path) -> None:
    folder, other = tmp_path / "project", tmp_path / "project" / "other"
    project(folder, "other")
    project(other)
    (other / "pyproject.toml").write_text(
        (other / "pyproject.toml").read_text().replace('"p"', '"other"')
    )
    with (folder / "pyproject.toml").open("a") as file:
        file.write('[tool.uv.sources]\nother = { path = "other" }\n')
    run_uv(["lock", "--quiet"], folder=folder)
    with pytest.raises(ManifestError) as caught:
        resolve(read_requirements(folder), MINOR)
    assert [finding.code for finding in caught.value.findings] == ["env/url-requirement"]
