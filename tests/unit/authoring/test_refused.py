"""The corpus of refused packages: each goes through ``pack``, and nothing comes of it."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ketch.authoring import pack
from ketch.errors import Refused
from ketch.runtime import Home

CORPUS = Path(__file__).parents[2] / "projects" / "refused"
CASES = sorted(path.parent.name for path in CORPUS.glob("*/refused.toml"))


def make(folder: Path, things: Sequence[Mapping[str, str]]) -> None:
    """Make what git, or some file systems, cannot hold."""
    for thing in things:
        path = folder / thing["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        if "symlink" in thing:
            path.symlink_to(thing["symlink"])
        elif "pipe" in thing:
            os.mkfifo(path)
        else:
            path.write_text(thing["content"], encoding="utf-8")


def everything(folder: Path) -> dict[str, object]:
    """Return all that lies in a folder: what it is, when it was written, what it holds."""
    return {
        path.relative_to(folder).as_posix(): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else None,
        )
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("case", CASES)
def test_a_package_is_refused_for_all_its_faults_at_once_and_for_no_other(
    case: str, tmp_path: Path, home: Home
) -> None:
    expected = tomllib.loads((CORPUS / case / "refused.toml").read_text(encoding="utf-8"))
    folder = shutil.copytree(CORPUS / case, tmp_path / case)
    make(folder, expected.get("make", ()))
    before = everything(folder)
    with pytest.raises(Refused) as caught:
        pack(folder, home=home)
    blocking = [finding for finding in caught.value.findings if finding.blocks]
    assert {finding.code for finding in blocking} == set(expected["codes"])
    assert blocking[0].where == expected.get("where", blocking[0].where)
    assert all(finding.where for finding in blocking)
    assert caught.value.code == "package/refused"
    assert str(folder) in caught.value.message
    assert everything(folder) == before
    assert not list(home.path.glob("store/blobs/sha256/*"))


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 85
    assert len({code for case in CASES for code in _codes(case)}) >= 40


def _codes(case: str) -> Sequence[str]:
    read = tomllib.loads((CORPUS / case / "refused.toml").read_text(encoding="utf-8"))
    codes: Sequence[str] = read["codes"]
    return codes
