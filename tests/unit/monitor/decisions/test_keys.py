from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.decisions import HERE, Write

from ketch.errors import KetchError
from ketch.monitor.decisions import DecisionLog
from ketch.monitor.decisions.keyed import fingerprint_of, have_one_key, keyed
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.sharing import share_key
from ketch.monitor.outcomes import Outcome, Outcomes


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "unit-key"
    path.write_text("5f" * 32 + "\n")
    return path


def test_logs_with_the_same_key_hash_a_unit_alike(tmp_path: Path, given: Path) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    mine = share_key(one, given)
    assert share_key(two, one / "key").unit("ana") == mine.unit("ana")  # a copy will do, too
    assert share_key(one, given).fingerprint == mine.fingerprint
    three.mkdir()
    assert keyed(three).unit("ana") != mine.unit("ana")
    assert have_one_key([one, two, tmp_path / "empty"])
    assert not have_one_key([one, two, three])
    assert (one / "key").stat().st_mode & 0o777 == 0o600
    assert "5f" * 8 not in str(fingerprint_of(one))


def test_a_log_that_began_with_another_key_takes_no_new_one(
    folder: Path, write: Write, given: Path
) -> None:
    write(["ana"])
    before = (folder / "key").read_bytes()
    with pytest.raises(KetchError) as refused:
        share_key(folder, given)
    assert refused.value.code == "decisions/other-key"
    assert str(fingerprint_of(folder)) in refused.value.message
    assert (folder / "key").read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"5f" * 31, b"5F" * 32, b"\xff" * 64, b"5f" * 4096])
def test_what_is_no_key_is_refused_and_begins_no_log(
    folder: Path, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "no-key").write_bytes(content)
    for path in (tmp_path / "no-key", tmp_path / "away", tmp_path):
        with pytest.raises(KetchError) as refused:
            share_key(folder, path)
        assert refused.value.code == "decisions/unit-key"
    assert not folder.exists()


def test_a_key_that_is_not_that_of_the_log_is_told_before_it_is_used(
    folder: Path, write: Write, tmp_path: Path
) -> None:
    write(["ana"])
    keyed_by_another = tmp_path / "other"
    keyed_by_another.mkdir()
    keyed(keyed_by_another)
    shutil.copy(keyed_by_another / "key", folder / "key")
    told = Outcome("recommendations", "purchase", datetime(2026, 3, 1, tzinfo=UTC), unit="ana")
    with Decisions(folder) as known, Outcomes(folder) as outcomes:
        for use in (
            lambda: known.of_unit("ana"),
            lambda: outcomes.record([told]),
            lambda: DecisionLog(folder, HERE).close(),
        ):
            with pytest.raises(KetchError, match="that the log was written with") as refused:
                use()
            assert refused.value.code == "decisions/key"


def test_a_key_that_was_destroyed_is_followed_by_a_new_one(folder: Path, write: Write) -> None:
    write(["ana"])
    before = fingerprint_of(folder)
    (folder / "key").unlink()
    write(["ana"])
    with Decisions(folder) as known:
        assert len(known.of_unit("ana")) == 1
    assert fingerprint_of(folder) not in (None, before)


def test_the_fingerprint_is_there_again_after_it_was_lost(folder: Path, write: Write) -> None:
    write(["ana"])
    before = fingerprint_of(folder)
    (folder / "fingerprint").unlink()
    write(["ben"])
    assert fingerprint_of(folder) == before
