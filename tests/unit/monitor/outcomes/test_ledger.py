"""Outcomes in the file of one machine: each once, all of a group or none, and nobody named."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ketch.errors import Refused, Unavailable, UsageError
from ketch.monitor.decisions import new_id
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.outcomes import Outcome, Outcomes, Recorded
from ketch.monitor.outcomes.table import FILE

NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
DECISION = new_id()


def bought(key: str | None = "order-1", value: float = 20.0, unit: str = "ana") -> Outcome:
    return Outcome("shop", "purchase", NOW, key, value, {"items": ["tea"]}, unit=unit)


class TestOnce:
    def test_an_outcome_that_is_told_twice_counts_once(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path) as outcomes:
            assert outcomes.record([bought(), bought("order-2")]) == Recorded(2, 0)
            assert outcomes.record([bought(), bought("order-3")]) == Recorded(1, 1)
            assert [one.key for one in outcomes.after(0)] == ["order-1", "order-2", "order-3"]

    def test_without_a_key_a_decision_has_one_of_each_name(self, tmp_path: Path) -> None:
        click = Outcome("shop", "click", decision=DECISION)
        with Outcomes(tmp_path) as outcomes:
            assert outcomes.record([click, Outcome("shop", "buy", decision=DECISION)]).new == 2
            assert outcomes.record([click]) == Recorded(0, 1)  # a later time is no other content

    def test_without_a_key_a_unit_has_one_of_each_name_at_a_time(self, tmp_path: Path) -> None:
        later = Outcome("shop", "purchase", NOW + timedelta(microseconds=1), unit="ana")
        with Outcomes(tmp_path) as outcomes:
            assert outcomes.record([bought(None), bought(None), later]) == Recorded(2, 1)
            with pytest.raises(Refused):
                outcomes.record([bought(None, value=21.0)])

    def test_a_key_with_another_content_is_refused_naming_both(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path) as outcomes:
            outcomes.record([bought()])
            with pytest.raises(Refused) as refused:
                outcomes.record([bought("order-2"), bought(value=25.0)])
            assert len(outcomes.after(0)) == 1  # nothing of the group was written
        assert refused.value.code == "outcomes/conflict"
        assert refused.value.where == "rows[1]"
        for said in ("order-1", "20.0", "25.0"):
            assert said in refused.value.message

    def test_the_same_key_is_another_event_on_another_route(self, tmp_path: Path) -> None:
        other = Outcome("search", "purchase", NOW, "order-1", 3.0, unit="ana")
        with Outcomes(tmp_path) as outcomes:
            assert outcomes.record([bought(), other]).new == 2
            assert outcomes.names() == {"shop": {"purchase"}, "search": {"purchase"}}


class TestChecks:
    def test_all_that_is_wrong_is_told_at_once(self, tmp_path: Path) -> None:
        wrong = [
            bought(),
            Outcome("shop", "errors", key="k", unit="ana"),
            Outcome("Shop", "buy", decision="7"),
            Outcome("shop", "buy", NOW.replace(tzinfo=None), value=float("nan")),
            Outcome("shop", "buy", NOW + timedelta(days=2), "k", decision=DECISION, unit="ana"),
            Outcome("shop", "buy", datetime(1999, 12, 31, tzinfo=UTC), "k\n", unit="ana"),
            Outcome("shop", "buy", label="x" * 5_000, unit="ana"),
        ]
        with Outcomes(tmp_path) as outcomes, pytest.raises(UsageError) as refused:
            outcomes.record(wrong)
        told = [(one.where, one.code) for one in refused.value.findings]
        assert told == [
            ("rows[1].name", "outcomes/name"),
            ("rows[2].route", "outcomes/name"),
            ("rows[2].decision", "decisions/id"),
            ("rows[3]", "outcomes/of-whom"),
            ("rows[3].value", "outcomes/value"),
            ("rows[3].at", "outcomes/time"),
            ("rows[4]", "outcomes/of-whom"),
            ("rows[4].at", "outcomes/time"),
            ("rows[5].key", "outcomes/key"),
            ("rows[5].at", "outcomes/time"),
            ("rows[6]", "outcomes/key"),
            ("rows[6].label", "outcomes/label"),
        ]
        assert not (tmp_path / FILE).exists()

    def test_a_clock_that_is_a_minute_ahead_is_no_fault(self, tmp_path: Path) -> None:
        soon = datetime.now(UTC) + timedelta(minutes=1)
        with Outcomes(tmp_path) as outcomes:
            assert outcomes.record([Outcome("shop", "buy", soon, "k", unit="ana")]).new == 1


class TestReading:
    def test_those_that_follow_one_are_read_in_order(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path) as teller, Outcomes(tmp_path) as follower:
            assert follower.after(0) == []
            teller.record([bought(f"order-{n}") for n in range(3)])
            first = follower.after(0, limit=2)
            teller.record([bought("order-3")])
            rest = follower.after(first[-1].seq)
        assert [one.key for one in first + rest] == [f"order-{n}" for n in range(4)]

    def test_a_decision_has_its_own_and_those_of_its_unit(self, tmp_path: Path) -> None:
        click = Outcome("shop", "click", NOW + timedelta(hours=1), decision=DECISION)
        with Outcomes(tmp_path) as outcomes:
            outcomes.record([click, bought(), bought("order-2", unit="ben")])
            unit = keyed(tmp_path).unit("ana")
            assert [one.name for one in outcomes.of_decision(DECISION)] == ["click"]
            found = outcomes.of_decision(DECISION, unit)
        assert [(one.name, one.unit) for one in found] == [("purchase", unit), ("click", None)]
        assert found[0].label == '{"items":["tea"]}'

    def test_columns_are_those_of_a_route_and_a_time(self, tmp_path: Path) -> None:
        day = timedelta(days=1)
        told = [Outcome("shop", "buy", NOW - n * day, f"k{n}", n, unit="ana") for n in range(4)]
        with Outcomes(tmp_path) as outcomes:
            outcomes.record([*told, Outcome("shop", "click", NOW, decision=DECISION), bought()])
            found = outcomes.of_route("shop", NOW - 2 * day, NOW)
            assert found.value.tolist() == [2.0, 1.0]
            assert found.unit.tolist() == [int(keyed(tmp_path).unit("ana"), 16)] * 2
            clicks = outcomes.of_route("shop", name="click")
            assert len(outcomes.of_route("nowhere")) == 0
        assert f"{clicks.moment[0]:016x}{clicks.tail[0]:016x}" == DECISION

    def test_nothing_is_made_where_nothing_was_told(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path / "decisions") as outcomes:
            assert len(outcomes.of_route("shop")) == 0
            assert outcomes.erase("ana") == 0
            assert outcomes.record([]) == Recorded(0, 0)
        assert list(tmp_path.iterdir()) == []


class TestPrivacy:
    def test_nobody_is_named_in_the_file(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path) as outcomes:
            outcomes.record([bought(None, unit="ana@shop.example")])
        assert b"ana" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())

    def test_what_is_erased_leaves_no_bytes_behind(self, tmp_path: Path) -> None:
        named = Outcome("shop", "buy", NOW, "of-a-decision", decision=DECISION)
        with Outcomes(tmp_path) as outcomes, Outcomes(tmp_path) as other:
            outcomes.record([bought("of-ana"), bought("of-ben", unit="ben"), named])
            assert len(other.after(0)) == 3  # somebody else has the file open
            assert outcomes.erase("ana", [DECISION]) == 2
            left = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
            assert [one.key for one in other.after(0)] == ["of-ben"]
        assert b"of-ben" in left
        assert b"of-ana" not in left
        assert b"of-a-decision" not in left


class TestTrouble:
    def test_a_damaged_file_says_so(self, tmp_path: Path) -> None:
        (tmp_path / FILE).write_bytes(b"no database" * 1000)
        with Outcomes(tmp_path) as outcomes, pytest.raises(Unavailable) as refused:
            outcomes.record([bought()])
        assert refused.value.code == "outcomes/damaged"
        assert refused.value.where == str(tmp_path / FILE)

    def test_a_file_of_a_newer_ketch_is_left_alone(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path) as outcomes:
            outcomes.record([bought()])
        with sqlite3.connect(tmp_path / FILE) as con:
            con.execute("PRAGMA user_version = 2")
        con.close()
        with Outcomes(tmp_path) as outcomes, pytest.raises(Unavailable) as refused:
            outcomes.after(0)
        assert refused.value.code == "outcomes/too-new"

    def test_a_writer_that_holds_the_file_for_too_long_is_told(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path, patience_s=0.05) as outcomes:
            outcomes.record([bought()])
            con = sqlite3.connect(tmp_path / FILE, isolation_level=None)
            con.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable) as refused:
                outcomes.record([bought("order-2")])
            con.execute("ROLLBACK")
            con.close()
            assert refused.value.code == "outcomes/busy"
            assert outcomes.record([bought("order-2")]) == Recorded(1, 0)

    def test_a_full_disk_loses_nothing_that_was_acknowledged(self, tmp_path: Path) -> None:
        with Outcomes(tmp_path) as outcomes:
            outcomes.record([bought()])
            full = outcomes._opened()  # the database's own limit fails as a full disk does
            full.execute("PRAGMA max_page_count = 1")
            many = [bought(f"order-{n}-{'x' * 150}") for n in range(100)]
            with pytest.raises(Unavailable) as refused:
                outcomes.record(many)
            assert refused.value.code == "disk/full"
            assert len(outcomes.after(0)) == 1
            full.execute("PRAGMA max_page_count = 100000")
            assert outcomes.record([bought(), *many]) == Recorded(100, 1)


TELL = """
import json, random, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ketch.monitor.outcomes import Outcome, Outcomes

folder, seed, at, count = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
day = datetime.fromisoformat(at)
told = [
    Outcome("shop", "buy", day + timedelta(seconds=n % 60), f"order-{n}", float(n), unit=f"u{n % 7}")
    for n in range(count)
]
random.Random(seed).shuffle(told)
with Outcomes(folder) as outcomes:
    while told:
        some, told = told[:10], told[10:]
        outcomes.record(some + some[:3])
        print(json.dumps([one.key for one in some]), flush=True)
"""


def telling(folder: Path, seed: int, count: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", TELL, str(folder), str(seed), NOW.isoformat(), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_processes_that_tell_the_same_in_other_orders_make_one_table(tmp_path: Path) -> None:
    """They also make the file at the same moment."""
    together = [telling(tmp_path / "a", seed, 200) for seed in range(3)]
    alone = telling(tmp_path / "b", 9, 200)
    assert [one.wait(60) for one in (*together, alone)] == [0] * 4
    for process in (*together, alone):
        assert process.stdout is not None
        process.stdout.close()
    with Outcomes(tmp_path / "a") as one, Outcomes(tmp_path / "b") as other:
        tables = [outcomes.of_route("shop") for outcomes in (one, other)]
    for column in ("name", "key", "at", "value", "label", "moment", "tail"):
        first, second = (getattr(table, column).tolist() for table in tables)
        assert first == second
    assert len(tables[0]) == 200


def test_a_writer_that_is_killed_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    process = telling(tmp_path, 1, 100_000)
    assert process.stdout is not None
    acknowledged = [process.stdout.readline() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    acknowledged += process.stdout.readlines()
    process.stdout.close()
    process.wait(60)
    keys = {key for line in acknowledged if line.endswith(b"\n") for key in json.loads(line)}
    assert len(keys) >= 200
    with Outcomes(tmp_path) as outcomes:
        assert keys <= {one.key for one in outcomes.after(0, 200_000)}
        assert outcomes.record([bought()]).new == 1
