"""Where ketch keeps its things."""

import stat
from pathlib import Path

import platformdirs
import pytest

from ketch.errors import UsageError
from ketch.store import ketch_home


def test_home_is_where_the_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_HOME", str(tmp_path / "a" / "home"))
    home = ketch_home()
    assert home == tmp_path / "a" / "home"
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ketch_home({"KETCH_HOME": "home"}) == tmp_path / "home"
    assert ketch_home({"KETCH_HOME": "~/other"}) == tmp_path / "other"


def test_home_is_the_platforms_without_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for environ in ({}, {"KETCH_HOME": ""}):
        assert ketch_home(environ) == platformdirs.user_data_path("ketch")


def test_home_that_can_not_be_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for home in (tmp_path / "file", tmp_path / "file" / "home"):
        with pytest.raises(UsageError, match=f"found the file `{tmp_path}/file`") as caught:
            ketch_home({"KETCH_HOME": str(home)})
        assert caught.value.where == str(home)
        assert "KETCH_HOME" in str(caught.value.hint)
