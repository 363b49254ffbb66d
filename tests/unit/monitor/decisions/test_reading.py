from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from tests.decisions import ORIGIN, Write

from ketch.errors import NotFound, UsageError
from ketch.monitor.decisions import Origin, new_id, time_of
from ketch.monitor.decisions.erasing import erase
from ketch.monitor.decisions.reading import Decisions
from ketch.monitor.forgetting import forget

OTHER = Origin("search", "searcher:1.0", "sha256:" + "cd" * 32, "prod")


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=1)


@pytest.fixture(params=["hot", "sealed", "both"])
def ids(request: pytest.FixtureRequest, write: Write) -> list[str]:
    """Decisions for ana, ben, nobody, ana; then one of another route for ana."""
    kind = request.param
    first = write(["ana", "ben", None, "ana"], sealed=kind != "hot")
    return first + write(["ana"], sealed=kind == "sealed", origin=OTHER)


class TestQuestions:
    def test_each_is_found_by_its_identity(self, folder: Path, ids: list[str]) -> None:
        with Decisions(folder) as known:
            found = [known.find(one) for one in ids]
        assert [one.id for one in found] == ids
        assert [one.unit is None for one in found] == [False, False, True, False, False]
        assert found[0].unit == found[3].unit == found[4].unit != found[1].unit
        assert found[0].inputs == '{"shopper":"ana","hour":3}'
        assert (found[4].route, found[4].package) == ("search", "searcher:1.0")

    def test_those_of_a_unit_are_found_newest_first(self, folder: Path, ids: list[str]) -> None:
        with Decisions(folder) as known:
            assert [one.id for one in known.of_unit("ana")] == [ids[4], ids[3], ids[0]]
            assert [one.id for one in known.of_unit("ana", limit=2)] == [ids[4], ids[3]]
            assert [one.id for one in known.of_unit("ana", route="search")] == [ids[4]]
            assert [one.id for one in known.of_unit("ana", until=time_of(ids[3]))] == [ids[0]]
            assert known.of_unit("eve") == []

    def test_those_of_a_time_are_found_newest_first(self, folder: Path, ids: list[str]) -> None:
        with Decisions(folder) as known:
            since = time_of(ids[0]) - timedelta(milliseconds=1)
            assert [one.id for one in known.between(since, soon())] == ids[::-1]
            assert [one.id for one in known.between(since, soon(), limit=1)] == ids[4:]
            only = known.between(since, soon(), route=ORIGIN.route, limit=2)
            assert [one.id for one in only] == [ids[3], ids[2]]
            assert known.between(soon(), soon()) == []

    def test_sql_sees_all_of_them(self, folder: Path, ids: list[str]) -> None:
        with Decisions(folder) as known:
            columns, rows = known.query(
                "SELECT id, route, inputs->>'shopper' AS s FROM decisions ORDER BY id"
            )
            assert columns == ["id", "route", "s"]
            assert [row[0] for row in rows] == ids
            (row,) = known.query(f"SELECT time FROM decisions WHERE id = '{ids[0]}'")[1]
        assert row[0] == time_of(ids[0]).replace(tzinfo=None)

    def test_times_with_a_zone_are_shown_in_utc(self, folder: Path) -> None:
        with Decisions(folder) as known:
            at, same = "TIMESTAMPTZ '2026-03-03 01:00:00+02'", "1 AS n, 2 AS n"
            columns, rows = known.query(f"SELECT {at} AS at, {same} -- and no more")
        assert columns == ["at", "n", "n"]
        assert rows == [(datetime(2026, 3, 2, 23), 1, 2)]  # noqa: DTZ001 # as `time` is

    def test_json_form_holds_json(self, folder: Path, ids: list[str]) -> None:
        with Decisions(folder) as known:
            body = msgspec.json.decode(msgspec.json.encode(known.find(ids[0]).to_json()))
        assert body["decision"] == ids[0]
        assert body["inputs"] == {"shopper": "ana", "hour": 3}
        assert body["time"].endswith("Z")


class TestRefusals:
    def test_what_nobody_decided_is_not_found(self, folder: Path, write: Write) -> None:
        write(["ana"])
        with Decisions(folder) as known, pytest.raises(NotFound) as refused:
            known.find(new_id())
        assert refused.value.code == "decisions/not-found"

    def test_what_is_no_identity_is_refused(self, folder: Path) -> None:
        with Decisions(folder) as known, pytest.raises(UsageError) as refused:
            known.find("ana")
        assert refused.value.code == "decisions/id"

    @pytest.mark.parametrize(
        "sql",
        [
            "SELEC 1",
            "SELECT * FROM read_csv('/etc/passwd')",
            "COPY decisions TO '/tmp/stolen.csv'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
            "ATTACH '/tmp/other.db'",
            "COPY (SELECT 1) TO '{segment}' (FORMAT parquet)",
            "COPY (PIVOT (SELECT 1 a, 2 b) ON a USING sum(b)) TO '{segment}'",
            "EXPLAIN ANALYZE COPY (SELECT 1) TO '{segment}'",
            "SELECT 1; COPY (SELECT 1) TO '{segment}'",
            "SELECT content FROM read_text('{segment}/../../../../key')",
            "",
        ],
    )
    def test_sql_reads_and_writes_nothing_else(self, folder: Path, write: Write, sql: str) -> None:
        write(["ana"], sealed=True)
        (segment,) = folder.glob("sealed/*/*/*.parquet")
        before = segment.read_bytes()
        with Decisions(folder) as known, pytest.raises(UsageError) as refused:
            known.query(sql.format(segment=segment))
        assert refused.value.code == "decisions/query"
        assert segment.read_bytes() == before

    def test_an_answer_that_memory_might_not_hold_belongs_into_a_file(self, folder: Path) -> None:
        with Decisions(folder) as known, pytest.raises(UsageError, match="at most 100,000 rows"):
            known.query("SELECT range FROM range(100001)")

    def test_an_empty_log_answers_nothing(self, folder: Path) -> None:
        with Decisions(folder) as known:
            assert known.query("SELECT count(*) FROM decisions")[1] == [(0,)]
            assert known.between(soon(), soon()) == []


class TestErasing:
    def test_nothing_of_a_unit_is_left(self, folder: Path, ids: list[str]) -> None:
        assert erase(folder, "ana", soon()) == 3
        with Decisions(folder) as known:
            assert known.of_unit("ana") == []
            assert known.query("SELECT count(*) FROM decisions")[1] == [(2,)]
            assert known.find(ids[1]).id == ids[1]
            with pytest.raises(NotFound):
                known.find(ids[0])
        assert erase(folder, "ana", soon()) == 0

    def test_what_comes_later_is_kept(self, folder: Path, write: Write) -> None:
        write(["ana"], sealed=True)
        write(["ana"])
        erase(folder, "ana", datetime.now(UTC))
        (late,) = write(["ana"], sealed=True)
        with Decisions(folder) as known:
            assert [one.id for one in known.of_unit("ana")] == [late]
        content = b"".join(path.read_bytes() for path in folder.glob("hot/*"))
        assert content == b""

    def test_what_nobody_writes_any_more_is_gone_from_the_disk(
        self, folder: Path, write: Write
    ) -> None:
        write(["eve", "ben"])
        (folder / "sealing").mkdir()  # a process was killed that sealed
        (folder / "sealing/0.jsonl").write_bytes(b'{"inputs":"eve"}')
        done = forget(folder, "eve", by="ben", now=soon())
        assert done.decisions == 1
        left = b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())
        assert b"eve" not in left
        assert b"recommender:1.0" in left  # ben's is still there

    def test_without_the_key_it_does_not_say_that_there_was_nothing(
        self, folder: Path, write: Write
    ) -> None:
        write(["ana"])
        (folder / "key").unlink()
        with pytest.raises(NotFound) as lacking:
            forget(folder, "ana", by="ben")
        assert lacking.value.code == "decisions/no-key"

    def test_it_works_while_the_log_is_written(
        self, folder: Path, ids: list[str], log: object
    ) -> None:
        assert erase(folder, "ben", soon()) == 1
