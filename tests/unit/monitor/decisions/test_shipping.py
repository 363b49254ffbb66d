from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.buckets import BUCKET
from tests.decisions import ORIGIN, Write

from ketch.errors import NotFound, Unavailable, UsageError
from ketch.monitor.decisions import frames, segments, time_of
from ketch.monitor.decisions.keyed import fingerprint_of, have_one_key
from ketch.monitor.decisions.retention import expire
from ketch.monitor.decisions.shipped import Shipped
from ketch.monitor.decisions.shipping import bucket_of, ship
from ketch.monitor.forgetting import erasures, forget
from ketch.monitor.logs import Asked, Logs, log_folders
from ketch.monitor.profiles import windows
from ketch.remote.bucket import Bucket


@pytest.fixture
def bucket(s3: str, tmp_path: Path) -> str:
    """A prefix of a real bucket that nothing else is in."""
    return f"s3://{BUCKET}/{tmp_path.name}"


def there(bucket: str, home: Path) -> list[str]:
    with Logs(log_folders(home, [bucket])) as known:
        return [one.id for one in known.newest(Asked(), 100)]


def test_what_is_sealed_is_read_from_the_bucket_and_sent_once(
    folder: Path, write: Write, bucket: str, tmp_path: Path
) -> None:
    first = write(["ana", "ben"], sealed=True, origin=replace(ORIGIN, route="Käse/50 %"))
    assert ship(folder, bucket) == 3  # a segment, its footer and its profile
    assert ship(folder, bucket) == 0
    assert there(bucket, tmp_path) == first[::-1]
    second = write(["ana"], sealed=True)
    write(["eve"])  # hot: it is not sent yet
    assert ship(folder, bucket) == 3
    assert there(bucket, tmp_path) == [*second, *first[::-1]]
    assert not any("key" in name for name in bucket_of(bucket).sizes(""))
    with Logs(log_folders(tmp_path, [bucket])) as known, pytest.raises(NotFound) as lacking:
        known.newest(Asked(unit="ana"), 1)
    assert lacking.value.code == "decisions/no-key"


def test_what_is_erased_or_too_old_leaves_the_bucket(
    folder: Path, write: Write, bucket: str, tmp_path: Path
) -> None:
    ana, ben = write(["ana", "ben"], sealed=True)
    ship(folder, bucket)
    assert there(bucket, tmp_path) == [ben, ana]
    done = forget(folder, "ana", by="ben", now=datetime.now(UTC) + timedelta(seconds=1))
    assert (done.decisions, done.bucket, done.problem) == (1, bucket, "")
    assert there(bucket, tmp_path) == [ben]
    expire(folder, time_of(ben) + timedelta(days=9), keep_days=7, keep_rows_days=7)
    ship(folder, bucket)
    assert bucket_of(bucket).sizes("") == {}
    with pytest.raises(NotFound):
        there(bucket, tmp_path)


def test_profiles_go_along_and_need_no_row_there(
    folder: Path, write: Write, bucket: str, tmp_path: Path
) -> None:
    write(["ana", "ben"], sealed=True)
    ship(folder, bucket)
    now = datetime.now(UTC)
    route, day = ORIGIN.route, timedelta(days=1)
    (here,) = windows([folder], route, now - day, now + day)
    assert windows(log_folders(tmp_path, [bucket]), route, now - day, now + day) == [here]
    expire(folder, now + 9 * day, keep_days=99, keep_rows_days=7)
    ship(folder, bucket)
    (there_,) = windows(log_folders(tmp_path, [bucket]), route, now - day, now + day)
    assert (there_.decisions, there_.field("hour").column.top(1)) == (2, ((3, 2),))


def test_copies_of_logs_tell_whether_units_are_hashed_alike(
    folder: Path, write: Write, bucket: str, tmp_path: Path
) -> None:
    write(["ana"], sealed=True)
    ship(folder, bucket)
    assert have_one_key(log_folders(tmp_path, [bucket]))
    folder.rename(tmp_path / "first")
    write(["ana"], sealed=True)
    ship(folder, bucket)
    one, two = log_folders(tmp_path, [bucket])
    assert {fingerprint_of(one), fingerprint_of(two)} == {
        fingerprint_of(folder),
        fingerprint_of(tmp_path / "first"),
    }
    assert not have_one_key([one, two])


def test_a_list_in_a_bucket_writes_no_file_but_segments(
    folder: Path, write: Write, bucket: str, tmp_path: Path
) -> None:
    write(["ana"], sealed=True)
    ship(folder, bucket)
    (path,) = folder.glob("sealed/*/*/segments.json")
    (listed,) = segments.listed_in(path.read_bytes()) or ()
    evil = msgspec.structs.replace(listed, name="../../../../../stolen.parquet")
    key = next(one for one in bucket_of(bucket).sizes("") if one.endswith(segments.LIST))
    bucket_of(bucket).put(key, frames.frame(msgspec.json.encode([evil])))
    assert there(bucket, tmp_path) == []
    assert not list(tmp_path.rglob("stolen*"))


def test_a_sending_that_was_cut_short_goes_on_and_shows_nothing_that_is_not_whole(
    folder: Path,
    write: Write,
    bucket: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = write(["ana"], sealed=True)
    ship(folder, bucket)
    write(["ben"], sealed=True)
    put = Bucket.put

    def cut(self: Bucket, key: str, content: bytes) -> None:
        raise Unavailable("the line is dead")

    monkeypatch.setattr(Bucket, "put", cut)
    with pytest.raises(Unavailable, match="dead"):
        ship(folder, bucket)
    monkeypatch.setattr(Bucket, "put", put)
    assert there(bucket, tmp_path) == first
    assert ship(folder, bucket) == 0  # the segment had arrived, and its list had not
    assert len(there(bucket, tmp_path)) == 2


@pytest.mark.parametrize("address", ["oci://shop.example/a", "s3://packages/a/shop:1.0.0"])
def test_what_is_no_bucket_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as refused:
        bucket_of(address)
    assert refused.value.code == "decisions/bucket"


def test_a_bucket_that_cannot_be_reached_is_told_and_holds_no_erasure_up(
    folder: Path, write: Write
) -> None:
    write(["ana"], sealed=True)
    Shipped("s3://packages/shop:1.0.0").write(folder)  # an address of no bucket
    soon = datetime.now(UTC) + timedelta(seconds=1)
    done = forget(folder, "ana", by="ben", now=soon)
    assert done.decisions == 1
    assert "expected a bucket" in done.problem
    assert forget(folder, "ana", by="ben", now=soon).decisions == 0
    assert [one.problem for one in erasures(folder)] == [done.problem] * 2


def test_a_line_about_an_erasure_that_was_torn_takes_no_other_with_it(
    folder: Path, write: Write
) -> None:
    write(["ana"])
    forget(folder, "ana", by="ben")
    path = folder / "erasures.jsonl"
    path.write_bytes(path.read_bytes() + b'{"time":"20')
    forget(folder, "ana", by="eve")
    assert [one.by for one in erasures(folder)] == ["ben", "eve"]
