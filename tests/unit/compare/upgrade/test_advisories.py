"""Files of advisories in OSV form: what is read, passed over and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.version import Version

from ketch.compare.upgrade.advisories import known, read_advisories
from ketch.env import LockedPackage, make_lock
from ketch.errors import NotFound, UsageError


def record(name: str = "Flask_Cors", **changes: object) -> dict[str, object]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]}],
    }
    made = {"id": "PYSEC-1", "modified": "2024-01-01T00:00:00Z", "affected": [affected]}
    return {**made, **changes}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(record(), indent=2),
        json.dumps([record()]),
        json.dumps(record()) + "\n",
        json.dumps(record(withdrawn="2024-02-01T00:00:00Z")) + "\n\n" + json.dumps(record()) + "\n",
        "\ufeff" + json.dumps(record(id="GHSA-0", affected=None)) + json.dumps(record()),
        json.dumps([record(affected=[{"package": {"ecosystem": "npm", "name": "x"}}]), record()]),
    ],
)
def test_one_record_a_list_or_one_after_the_other_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "osv.json").write_text(text)
    (one,) = read_advisories(tmp_path / "osv.json")
    assert (one.id, one.library) == ("PYSEC-1", "flask-cors")


def test_a_lock_is_known_by_the_version_that_it_holds(tmp_path: Path) -> None:
    file = tmp_path / "osv.json"
    file.write_text(json.dumps([record(), record(id="PYSEC-2"), record("other")]))
    for version, ids in (("1.9", ["PYSEC-1", "PYSEC-2"]), ("2.0", [])):
        lock = make_lock("3.11.7", [LockedPackage("flask-cors", version, "", ("a" * 64,))])
        found = known(lock, read_advisories(file))
        assert [one.id for some in found.values() for one in some] == ids


def test_entries_of_a_record_for_one_library_are_one_advisory(tmp_path: Path) -> None:
    made = record()
    made["affected"] = [
        *made["affected"],  # type: ignore[misc] # it is JSON
        {"package": {"ecosystem": "PyPI", "name": "flask.cors"}, "versions": ["3.1", "2004d"]},
    ]
    (tmp_path / "osv.json").write_text(json.dumps(made))
    (one,) = read_advisories(tmp_path / "osv.json")
    judged = [one.affected.holds(Version(version)) for version in ("1.0", "2.5", "3.1")]
    assert judged == [True, False, True]


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        ("", "", "an empty file"),
        ('{"id": "A"}\n{"id": ', ":2", "expected JSON"),
        ('{"id": "A"}\n\n{"id": 3}', ":3: id", "expected `str`, got `int`"),
        ('[{"id": "A"}, {"summary": "x"}]', ":1: [1]", "missing required field `id`"),
        (
            json.dumps([record(affected=[{"ranges": [{"events": []}]}])]),
            "affected[0].ranges[0]",
            "type",
        ),
        (f'{{"id": {"1" * 5_000}}}', ":1", "fewer digits"),
        (json.dumps([record("")]), ":1: [0].affected[0].package.name", "name of a library"),
    ],
)
def test_what_is_not_in_the_form_is_refused_with_its_place(
    tmp_path: Path, text: str, where: str, said: str
) -> None:
    file = tmp_path / "osv.json"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_advisories(file)
    assert caught.value.code == "upgrade/advisories"
    assert said in caught.value.message
    assert where in (caught.value.where or "")
    assert str(file) in (caught.value.where or "")


@pytest.mark.parametrize(
    ("events", "where", "said"),
    [
        ([{"introduced": "one"}], ".events[0].introduced", "found `one`"),
        ([{"introduced": "0"}, {"mended": "1"}], ".events[1]", "found `mended`"),
        ([{"fixed": "1"}], ".events", "an event `introduced`"),
    ],
)
def test_an_event_that_nobody_can_read_is_refused(
    tmp_path: Path, events: object, where: str, said: str
) -> None:
    made = record()
    made["affected"][0]["ranges"][0]["events"] = events  # type: ignore[index] # it is JSON
    (tmp_path / "osv.jsonl").write_text("\n" + json.dumps(made))
    with pytest.raises(UsageError) as caught:
        read_advisories(tmp_path / "osv.jsonl")
    assert said in caught.value.message
    assert (caught.value.where or "").endswith(f"osv.jsonl:2: affected[0].ranges[0]{where}")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_advisories(tmp_path / "none.json")
