from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from tests.decisions import HERE, ORIGIN, Write, decision
from tests.faults.harness import small_disk

from ketch.errors import KetchError
from ketch.monitor.decisions import Decision, DecisionLog, LogSettings, Origin, hot, new_id
from ketch.monitor.decisions.losses import losses
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.table import Written, written_in
from ketch.runtime import StepTime


def written(folder: Path) -> list[Written]:
    files = sorted((folder / "hot").glob("*.log"))
    found = [one for path in files for one in written_in(path.read_bytes())]
    assert all(isinstance(one, Written) for one in found)
    return [one for one in found if isinstance(one, Written)]


class TestRecording:
    def test_a_decision_is_written_as_it_was(self, folder: Path, log: DecisionLog) -> None:
        one = decision()
        one.steps = (StepTime("predict", 1.25),)
        one.error = 'sérve/"x"'
        assert log.record(one)
        assert log.flush()
        with Decisions(folder) as known:
            found = known.find(one.id)
        assert found.inputs == '{"shopper":"ana","hour":3}'
        assert found.outputs == '{"score":1e-07}'
        assert found.to_json()["steps"] == {"predict": 1250}
        assert (found.error, found.arm, found.batch_rows) == ('sérve/"x"', "limited", 4)

    def test_no_unit_stands_in_it_in_the_clear(self, folder: Path, log: DecisionLog) -> None:
        one = decision("ana@shop.example")
        one.inputs = b"{}"
        log.record(one)
        log.flush()
        content = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
        assert one.id.encode() in content
        assert b"ana@" not in content

    @pytest.mark.parametrize(
        ("inputs", "kept"),
        [
            (b'{"name":"ana","hour":1.50}', b'"hour":1.50'),
            (b'[{"name":"ana","hour":3},{"name":null,"hour":4}]', b'"name":null'),
            (b'["ana"]', b"keyed:"),
            (b"null", b"null"),
        ],
    )
    def test_personal_data_is_a_keyed_hash(
        self, folder: Path, log: DecisionLog, inputs: bytes, kept: bytes
    ) -> None:
        personal = Origin(
            "r", "p:1", "d", "prod", "", "", frozenset({"name"}), frozenset({"greeting"})
        )
        log.record(Decision(new_id(), personal, inputs, b'{"greeting":"hello ana"}'))
        log.flush()
        content = next((folder / "hot").glob("*.log")).read_bytes()
        assert b"ana" not in content
        assert kept in content
        assert msgspec.json.decode(written(folder)[0].outputs)["greeting"].startswith("keyed:")

    def test_lines_between_tokens_of_json_do_no_harm(self, folder: Path, log: DecisionLog) -> None:
        log.record(Decision(new_id(), ORIGIN, b'{\r\n\t"hour":\n3}\n', b"{}"))
        log.flush()
        assert msgspec.json.decode(written(folder)[0].inputs) == {"hour": 3}

    def test_what_is_no_json_harms_nothing_else(self, folder: Path, log: DecisionLog) -> None:
        ids = [decision() for _ in range(3)]
        ids[1].inputs = b'{"hour":'
        for one in ids:
            assert log.record(one)
        log.flush()
        with Decisions(folder) as known:
            assert known.find(ids[2].id)
            with pytest.raises(KetchError):
                known.find(ids[1].id)

    def test_what_cannot_be_written_harms_nothing_else(
        self, folder: Path, log: DecisionLog
    ) -> None:
        wrong = decision()
        wrong.status = None  # type: ignore[assignment]
        good = decision()
        log.record(wrong)
        log.record(good)
        assert log.flush()
        assert [one.id for one in written(folder)] == [good.id]
        assert (log.health.written, log.health.dropped) == (1, 1)

    def test_threads_may_record_at_once(self, folder: Path, log: DecisionLog) -> None:
        def work() -> None:
            ids = [f"{new_id()[:16]}8{index:015x}" for index in range(500)]
            for one in ids:
                log.record(decision(at=one))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert log.flush()
        assert sorted(one.n for one in written(folder)) == list(range(2000))

    def test_nothing_is_taken_any_more_when_it_is_closed(self, folder: Path) -> None:
        log = DecisionLog(folder, HERE)
        log.close()
        assert not log.record(decision())

    def test_two_processes_may_write_one_log(self, folder: Path, log: DecisionLog) -> None:
        other = DecisionLog(folder, HERE)
        ones = [decision(), decision()]
        log.record(ones[0])
        other.record(ones[1])
        other.close()
        log.flush()
        with Decisions(folder) as known:
            assert {known.find(one.id).id for one in ones} == {one.id for one in ones}


class TestWaiting:
    def test_an_answer_can_wait_until_it_is_on_the_disk(
        self, folder: Path, log: DecisionLog
    ) -> None:
        one = decision()
        assert asyncio.run(log.recorded(one))
        assert written(folder)[0].id == one.id

    def test_many_answers_share_one_wait(
        self, log: DecisionLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        syncs: list[int] = []
        monkeypatch.setattr(hot, "sync_file", syncs.append)

        async def many() -> list[bool]:
            return await asyncio.gather(*(log.recorded(decision()) for _ in range(500)))

        assert all(asyncio.run(many()))
        assert len(syncs) < 50

    def test_a_caller_who_leaves_harms_nobody(self, folder: Path, log: DecisionLog) -> None:
        async def leave() -> bool:
            gone = asyncio.create_task(log.recorded(decision()))
            await asyncio.sleep(0)
            gone.cancel()
            return await log.recorded(decision())

        assert asyncio.run(leave())
        assert len(written(folder)) == 2


class TestBounds:
    def test_a_disk_that_stands_still_costs_first_rows_and_then_decisions(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand = threading.Event()
        real = hot.HotFiles.append

        def slow(files: hot.HotFiles, content: bytes, end: int) -> None:
            stand.wait(20)
            real(files, content, end)

        monkeypatch.setattr(hot.HotFiles, "append", slow)
        log = DecisionLog(
            folder, LogSettings(most_waiting=100, most_waiting_bytes=5000, seals=False)
        )
        ones = [decision() for _ in range(150)]
        taken = [log.record(one) for one in ones]
        stand.set()
        assert log.flush()
        log.close()
        assert taken == [True] * 100 + [False] * 50
        assert log.health.dropped == 50
        assert 0 < log.health.stripped < 100
        assert [one.id for one in written(folder)] == [one.id for one in ones[:100]]
        seal(folder, datetime.now(UTC))
        assert [loss.lost for loss in losses(folder)] == [50]


@pytest.mark.faults
class TestFullDisk:
    def test_serving_goes_on_and_what_fits_later_is_written(self, tmp_path: Path) -> None:
        disk = tmp_path / "disk"
        with small_disk(disk, 256):
            filler = disk / "filler"
            log = DecisionLog(disk / "decisions", HERE)
            early = decision()
            log.record(early)
            assert log.flush()
            filler.write_bytes(bytes(4096))
            with filler.open("ab", buffering=0) as file:
                try:
                    while file.write(bytes(1024)):
                        pass
                except OSError:
                    pass
            ones = [decision() for _ in range(2000)]
            assert all(map(log.record, ones))
            until = time.monotonic() + 10
            while log.health.problem is None and time.monotonic() < until:
                time.sleep(0.01)
            assert log.health.problem == "No space left on device"
            assert not asyncio.run(log.recorded(decision()))
            filler.unlink()
            subprocess.run(["mount", "-o", "remount,size=8m", disk], check=True)
            assert log.flush()
            while log.health.problem is not None and time.monotonic() < until + 10:
                time.sleep(0.01)  # what fits is written first, and then told
            assert log.health.problem is None
            log.close()
            found = [one.id for one in written(disk / "decisions")]
            assert found[0] == early.id
            assert found[1:2001] == [one.id for one in ones]


KILLED = """
import sys, os, time
from pathlib import Path
from ketch.monitor.decisions import *
log = DecisionLog(Path(sys.argv[1]), LogSettings(seals=False, rotate_bytes=20_000))
origin = Origin("r", "p:1", "d", "prod")
print("ready", flush=True)
number = 0
while True:
    for _ in range(20):
        log.record(Decision(new_id(), origin, b'{"n":%d}' % number, b"{}", unit="u"))
        number += 1
    os.write(1, b"%d\\n" % number)
    time.sleep(0.001)
"""


@pytest.mark.parametrize("after_ms", [5, 30, 70, 150, 400])
def test_what_a_killed_process_lost_is_little_and_counted(folder: Path, after_ms: int) -> None:
    """At most what gathered in 20 ms and one write: here 20 decisions a millisecond."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(after_ms / 1000)
    os.kill(process.pid, signal.SIGKILL)
    told = [int(line) for line in process.communicate()[0].split() if line]
    offered = told[-1] if told else 0
    kept = seal(folder, datetime.now(UTC))
    lost = sum(loss.lost for loss in losses(folder))
    assert offered <= kept + lost <= offered + 20
    assert lost <= 20 * 150
    assert not list((folder / "hot").iterdir())
    with Decisions(folder) as known:
        assert known.query("SELECT count(DISTINCT id) FROM decisions")[1] == [(kept,)]


class TestSealingBegins:
    def test_full_files_are_sealed_by_a_process_of_its_own(self, folder: Path) -> None:
        log = DecisionLog(folder, LogSettings(rotate_bytes=1))
        one = decision()
        log.record(one)
        until = time.monotonic() + 30
        while not list(folder.glob("sealed/*/*/*.parquet")) and time.monotonic() < until:
            log.record(decision())
            time.sleep(0.2)
        log.close()
        assert log._sealer is not None
        assert log._sealer.wait(30) == 0
        with Decisions(folder) as known:
            assert known.find(one.id).id == one.id

    def test_an_old_file_is_sealed_though_nothing_comes(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("ketch.monitor.decisions.log._TICK_S", 0.05)
        log = DecisionLog(folder, LogSettings(rotate_s=0.3, seals=False))
        log.record(decision())
        log.flush()
        until = time.monotonic() + 10
        while log._files.size and time.monotonic() < until:
            time.sleep(0.02)
        assert not log._files.size
        log.close()


class TestKey:
    def test_a_damaged_key_is_told_before_anything_is_written(
        self, folder: Path, write: Write
    ) -> None:
        write(["ana"])
        content = bytearray((folder / "key").read_bytes())
        content[20] ^= 1
        (folder / "key").write_bytes(content)
        with pytest.raises(KetchError) as refused:
            DecisionLog(folder, HERE)
        assert refused.value.code == "decisions/key"

    def test_it_is_for_nobody_else(self, folder: Path, write: Write) -> None:
        write(["ana"])
        assert (folder / "key").stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
