"""Newer libraries, tried in real environments from an index in a folder, without downloads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.decisions import HERE, ORIGIN
from tests.unit.env.conftest import Index

from ketch.authoring import pack
from ketch.cli.main import main
from ketch.cli.upgraded import upgraded_text
from ketch.compare.upgrade import Options, Reason, Upgraded, upgrade
from ketch.env import LOCK_FILE
from ketch.errors import Refused, UsageError
from ketch.monitor.decisions import Decision, DecisionLog, new_id
from ketch.runtime import Home
from ketch.store import newest_passing

pytestmark = pytest.mark.e2e

PIPELINE = """
import anchor
import calm
import rate
import reader


def load(model_dir, params):
    with open(f"{model_dir}/weights.txt") as file:
        return reader.read(file.read())


def run(model, rows):
    return [{"price": row["n"] * model * rate.of(row["n"])} for row in rows]
"""
NAMES = ("anchor", "calm", "quiet", "rate", "reader", "still", "tied")
RATE = "def of(n):\n    return 2 if n < 2 else {}\n"
READS = "def read(text):\n    return int(text)\n"
REFUSES = "def read(text):\n    raise ValueError('this file is too old')\n"


def libraries(index: Index) -> None:
    """Seven libraries that have newer versions, but for `anchor`, which holds `tied` back.

    `rate` 2.0 answers otherwise from 2 on, and needs a newer `calm`; `reader` 3.0 does not read
    the model; `still` 2.0 brings a library that is new.
    """
    for name, *versions in (
        ("calm", "1.0", "1.5", "2.0"),
        ("quiet", "1.0", "1.1"),
        ("still", "1.0"),
        ("newcomer", "0.1"),
        ("tied", "1.0", "2.0"),
    ):
        for version in versions:
            index.add(name, version)
    index.add("still", "2.0", requires=["newcomer"])
    index.add("anchor", "1.0", requires=["tied<2"])
    index.add("rate", "1.0", files={"rate.py": RATE.format(2)})
    index.add("rate", "1.1", files={"rate.py": RATE.format(2)})
    index.add("rate", "2.0", files={"rate.py": RATE.format(3)}, requires=["calm>=2"])
    index.add("reader", "1.0", files={"reader.py": READS})
    index.add("reader", "3.0", files={"reader.py": REFUSES})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Iterator[Home]:
    """A home with `shop:1.0.0`, whose folder lies beside it."""
    folder = tmp_path_factory.mktemp("upgrade")
    (folder / "index").mkdir()
    libraries(Index(folder / "index"))
    settings = folder / "uv-settings.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{folder / "index"}"]\n')
    shop = author(
        folder / "shop",
        PIPELINE,
        inputs='n = { type = "int64", min = 0, max = 1000 }',
        outputs='price = "int64"',
        scenarios=[{"inputs": {"n": n}, "expected": {"price": 6 * n}} for n in range(4)],
        files={
            "requirements.txt": "".join(f"{one}==1.0\n" for one in NAMES),
            "model/weights.txt": "3",
        },
    )
    declared = (shop / "ketch.toml").read_text()
    loading = declared.replace("[pipeline]\n", '[pipeline]\nload = "pipeline:load"\n')
    (shop / "ketch.toml").write_text(loading)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_CONFIG_FILE", str(settings))
        patch.setenv("UV_CACHE_DIR", str(folder / "uv-cache"))
        patch.setenv("KETCH_HOME", str(folder / "home"))
        assert pack(shop, home=folder / "home").verified
        yield Home(folder / "home")


def versions(found: Upgraded) -> dict[str, str | None]:
    """Return what moved, and where to."""
    return {one.name: one.after for one in found.moved}


def held(found: Upgraded) -> dict[str, tuple[str | None, Reason]]:
    """Return what is held back, from which version, and why."""
    return {one.name: (one.held.version, one.held.reason) for one in found.held if one.held}


def record(name: str, *events: dict[str, str]) -> dict[str, object]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, *events]}],
    }
    return {"id": f"PYSEC-{name}", "affected": [affected]}


def test_all_that_changes_no_answer_moves_and_the_rest_is_named(
    place: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["upgrade", "shop:1.0.0", "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    moved = {one["name"]: one for one in said["changes"] if one["kind"] != "kept"}
    assert {name: one["to"] for name, one in moved.items()} == {
        "calm": "2.0",
        "newcomer": "0.1",
        "quiet": "1.1",
        "rate": "1.1",
        "still": "2.0",
    }
    assert moved["rate"]["held"] == {
        "version": "2.0",
        "reason": "answers",
        "message": "changes 2 of 4 rows (output `price`)",
        "rows": 2,
        "of": 4,
        "outputs": ["price"],
    }
    (reader,) = (one for one in said["changes"] if one["name"] == "reader")
    assert (reader["to"], reader["held"]["version"], reader["held"]["rows"]) == ("1.0", "3.0", 4)
    assert "this file is too old" in reader["held"]["message"]
    assert said["behaviour"] == {"rows": 4, "changed": 0, "outputs": {}, "causes": []}
    assert said["verified"]
    candidate = place.store.resolve("shop:1.0.1")
    assert candidate is not None
    assert str(candidate.digest) == said["candidate"]["digest"]
    assert newest_passing(candidate.digest, place.store) is not None


@pytest.mark.thorough
def test_the_same_upgrade_once_more_is_the_same_candidate(place: Home) -> None:
    options = Options(packages=("calm<2",))
    once, again = (upgrade("shop:1.0.0", home=place, options=options) for _ in range(2))
    assert versions(once) == {"calm": "1.5"}
    assert once.candidate is not None
    assert again.candidate is not None
    assert once.candidate.digest == again.candidate.digest


def test_what_is_named_may_change_answers_but_not_break_the_contract(place: Home) -> None:
    tags = set(place.store.tags())
    exact = upgrade("shop:1.0.0", home=place, options=Options(packages=("rate==2.0",)))
    assert not exact.passed
    assert exact.candidate is None
    assert set(place.store.tags()) == tags
    assert held(exact) == {"rate": ("2.0", Reason.CONTRACT)}
    assert "✗ 2 of 4 scenarios answered as promised" in upgraded_text(exact)
    free = upgrade("shop:1.0.0", home=place, options=Options(packages=("rate",), version="2.0.0"))
    assert versions(free) == {"rate": "1.1"}
    assert held(free) == {"rate": ("2.0", Reason.CONTRACT)}
    assert place.store.resolve("shop:2.0.0") is not None


def test_rows_of_a_file_are_asked_and_the_contract_counts_beside_them(
    place: Home, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"n": 0}\n{"n": 1}\n')  # which `rate` 2.0 answers as before
    found = upgrade("shop:1.0.0", home=place, options=Options(inputs=rows))
    assert held(found)["rate"] == ("2.0", Reason.CONTRACT)
    assert held(found)["reader"] == ("3.0", Reason.ANSWERS)
    assert found.behaviour is not None
    assert (found.behaviour.rows, found.behaviour.changed) == (2, 0)
    assert found.passed


def test_what_a_route_was_asked_is_asked_again(
    place: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    log = DecisionLog(place.path / "decisions", HERE)
    for n in (5, 0, 7):
        assert log.record(Decision(new_id(), ORIGIN, b'{"n":%d}' % n, b'{"price":0}'))
    log.close()
    asked = ["upgrade", "shop:1.0.0", "--package", "calm==1.5", "--route", ORIGIN.route]
    assert main([*asked, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["behaviour"]["rows"], said["behaviour"]["changed"]) == (3, 0)


def test_without_time_to_find_the_library_nothing_is_kept(place: Home, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"n": 7}\n')  # so that nothing of it is remembered
    options = Options(inputs=rows, budget_s=0.0)
    found = upgrade("shop:1.0.0", home=place, options=options)
    assert found.candidate is None
    (finding,) = found.findings
    assert finding.code == "upgrade/unsafe"
    assert "no time" in finding.message


def test_a_folder_says_what_holds_and_gets_the_lock_when_that_is_asked_for(
    place: Home, tmp_path: Path
) -> None:
    shop = shutil.copytree(place.path.parent / "shop", tmp_path / "shop")
    declared = (shop / "ketch.toml").read_text()
    (shop / "ketch.toml").write_text(declared.replace('version = "1.0.0"', 'version = "7.0.0"'))
    pinned = upgrade(str(shop), home=place)
    assert pinned.passed
    assert versions(pinned) == {}
    assert held(pinned)["calm"] == ("2.0", Reason.REQUIREMENTS)
    assert "calm 2.0 is held back by `calm==1.0` (at `requirements.txt:2`)" in upgraded_text(pinned)
    (shop / "requirements.txt").write_text("\n".join(["calm<2", *(set(NAMES) - {"calm"})]))
    named = upgrade(str(shop), home=place, options=Options(packages=("calm",)))
    assert versions(named) == {"calm": "1.5"}
    assert held(named) == {"calm": ("2.0", Reason.REQUIREMENTS)}
    lock = (shop / LOCK_FILE).read_bytes()
    assert upgrade(str(shop), home=place).candidate is not None
    assert (shop / LOCK_FILE).read_bytes() == lock
    found = upgrade(str(shop), home=place, options=Options(write=True))
    assert versions(found)["calm"] == "1.5"
    written = (shop / LOCK_FILE).read_bytes()
    assert b"calm==1.5" in written
    assert pack(shop, home=place).verified
    assert (shop / LOCK_FILE).read_bytes() == written


def test_only_what_advisories_speak_of_moves_and_no_further_than_it_must(
    place: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "osv.jsonl"
    records = [
        record("calm", {"fixed": "1.2"}),
        record("quiet"),
        record("reader", {"last_affected": "1.0"}),
        record("tied", {"fixed": "2.0"}),
    ]
    file.write_text("".join(f"{json.dumps(one)}\n" for one in records))
    found = upgrade("shop:1.0.0", home=place, options=Options(security=file))
    assert versions(found) == {"calm": "1.5"}
    assert held(found) == {
        "quiet": (None, Reason.NO_FIX),
        "reader": ("3.0", Reason.CONTRACT),
        "tied": (None, Reason.CONSTRAINT),
    }
    assert "tied: `anchor` does not go with `tied>=2.0`" in upgraded_text(found)
    assert found.candidate is not None
    assert not found.passed
    assert [one.code for one in found.findings] == ["upgrade/unfixed"] * 3
    file.write_text(json.dumps(records[0]))
    assert main(["upgrade", "shop:1.0.0", "--security", str(file), "--check"]) == 1
    said = capsys.readouterr()
    assert "1 advisory speaks of 1 library; it can move to a version that is free" in said.out
    assert "`calm` 1.5 is free of it" in said.err
    name = found.candidate.reference
    assert main(["upgrade", name, "--security", str(file), "--check"]) == 0
    assert f"No advisory speaks of a library of `{name}`" in capsys.readouterr().out


def test_a_version_that_nobody_has_is_refused_with_the_newest_there_is(place: Home) -> None:
    with pytest.raises(Refused) as caught:
        upgrade("shop:1.0.0", home=place, options=Options(packages=("reader==2.5",)))
    assert caught.value.findings[0].hint == "the newest that fits is `reader==3.0`"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (Options(write=True), "upgrade/options", "a folder to write"),
        (Options(check=True, archive=Path("a.tar")), "upgrade/options", "`--check`"),
        (Options(packages=("a",), security=Path("b")), "upgrade/options", "found both"),
        (Options(packages=("colm",)), "upgrade/library", "found `colm`"),
        (Options(packages=("calm @ https://host/x",)), "upgrade/library", "such as `pandas`"),
    ],
)
def test_what_contradicts_itself_is_refused_before_the_work(
    place: Home, options: Options, code: str, said: str
) -> None:
    with pytest.raises(UsageError) as caught:
        upgrade("shop:1.0.0", home=place, options=options)
    assert caught.value.code == code
    assert said in caught.value.message
