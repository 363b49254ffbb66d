import fcntl
import os
from pathlib import Path

import pytest

from ketch.monitor.decisions import hot
from ketch.monitor.decisions.hot import HotFiles


def test_behind_a_torn_record_that_cannot_be_taken_back_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else taking back the next torn one would cut the good ones between them."""
    files = HotFiles(tmp_path, "w" * 16)
    files.append(b"one", 1)

    def torn(fd: int, content: bytes) -> None:
        os.write(fd, content[:2])
        raise OSError(5, "Input/output error")

    def refused(fd: int, size: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(hot, "write_all", torn)
        broken.setattr(os, "ftruncate", refused)
        with pytest.raises(OSError, match="Input/output"):
            files.append(b"two", 2)
    files.append(b"two", 2)
    files.rotate()

    contents = [one.read_bytes() for one in sorted(tmp_path.glob("*.log"))]
    assert contents == [b"onetw", b"two"]


def test_a_writer_is_not_seen_before_it_holds_its_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else whoever seals at that moment buries it, and later takes away what it still writes."""
    seen: list[tuple[hot.Writer, ...]] = []
    flock = fcntl.flock

    def locking(fd: int, how: int) -> None:
        if how & fcntl.LOCK_EX:
            seen.append(hot.writers(tmp_path))
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", locking)
    counter = hot.Counter(tmp_path / f"{'w' * 16}{hot.COUNT}")
    assert seen == [()]
    assert [one.is_alive for one in hot.writers(tmp_path)] == [True]
    counter.close()
