"""Scenarios: three authored forms, one canonical one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ketch.errors import ManifestError
from ketch.package import scenario
from ketch.package.scenario import Scenario, dump_scenarios, load_scenarios, read_scenarios
from ketch.schema import Schema, parse_fields


def schema() -> Schema:
    inputs, problems = parse_fields({"shopper": "string", "hour": "int64"}, "inputs")
    outputs, more = parse_fields({"score": "float64"}, "outputs")
    assert not problems
    assert not more
    return Schema(inputs, outputs)


def write(folder: Path, name: str, content: object) -> None:
    target = folder / "scenarios" / name
    target.parent.mkdir(exist_ok=True)
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    target.write_bytes(text.encode() if isinstance(text, str) else text)


ONE = {"name": "one", "inputs": {"shopper": "a", "hour": 1}, "expected": {"score": 0.5}}


def test_an_object_a_list_of_lines_and_a_table_are_read(tmp_path: Path) -> None:
    write(tmp_path, "a.json", ONE)
    two = {**ONE, "name": "two", "inputs": [ONE["inputs"]] * 2, "expected": [{"score": 1}] * 2}
    wrong = {"name": "three", "inputs": {"shopper": None}, "expected_error": "schema/null"}
    write(tmp_path, "b.jsonl", f"{json.dumps(two)}\n\n{json.dumps(wrong)}\n")
    write(tmp_path, "table.csv", "shopper,hour\na,1\nb,2\n")
    write(tmp_path, "table.expected.csv", "score\n0.5\n0.25\n")
    scenarios, findings = read_scenarios(tmp_path, schema())
    assert findings == ()
    assert [scenario.name for scenario in scenarios] == ["one", "two", "three", "table"]
    assert scenarios[0].single
    assert scenarios[3].inputs == ({"shopper": "a", "hour": 1}, {"shopper": "b", "hour": 2})
    assert scenarios[3].expected == ({"score": 0.5}, {"score": 0.25})


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.json", "[1]", "scenario/unreadable"),
        (
            "a.json",
            '{"name": "x", "inputs": {}, "expected": {}, "inputs": {}}',
            "scenario/unreadable",
        ),
        ("a.json", '{"name": "x", "inputs": {"a": NaN}, "expected": {}}', "scenario/unreadable"),
        ("a.json", {**ONE, "expeted": 1}, "scenario/unreadable"),
        ("a.json", {**ONE, "expected_error": "boom"}, "scenario/unreadable"),
        ("a.json", {**ONE, "inputs": []}, "scenario/unreadable"),
        ("a.json", {**ONE, "name": " "}, "scenario/unreadable"),
        ("a.json", {**ONE, "name": "two\nlines"}, "scenario/unreadable"),
        ("a.json", {**ONE, "name": "x" * 201}, "scenario/unreadable"),
        ("a.json", {**ONE, "expected_error": None}, "scenario/unreadable"),
        ("a.json", {**ONE, "expected": None}, "scenario/unreadable"),
        ("a.json", b"\xff\xfe", "scenario/unreadable"),
        ("a.json", {"name": "x", "inputs": {"shopper": "a"}}, "scenario/no-expectation"),
        ("a.json", {**ONE, "draft": True}, "scenario/draft"),
        ("a.yaml", "name: x", "scenario/unreadable"),
        ("a.csv", "shopper,hour\na,one\n", "scenario/unreadable"),
        ("a.csv", "shopper,hour\n", "scenario/unreadable"),
        ("a.csv", "", "scenario/unreadable"),
        ("a.csv", "shopper,hour\na,1,2\n", "scenario/unreadable"),
        ("a.csv", "shopper,hour,hour\na,1,2\n", "scenario/unreadable"),
        ("a.csv", 'shopper,hour\n"a"b,1\n', "scenario/unreadable"),
        ("a.csv", "shopper,hour\nZo\u00eb,1\n".encode("latin-1"), "scenario/unreadable"),
        ("a\nb.csv", "shopper,hour\na,1\n", "scenario/unreadable"),
        ("a.expected.csv", "score\n1\n", "scenario/unreadable"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_a_finding(
    tmp_path: Path, name: str, content: object, code: str
) -> None:
    write(tmp_path, name, content)
    _, findings = read_scenarios(tmp_path, schema())
    assert code in {finding.code for finding in findings}
    assert all(
        "scenarios/" in str(finding.where) or "rows" in str(finding.where) for finding in findings
    )


def test_a_file_that_is_too_large_to_be_read_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, "a.json", ONE)
    with (tmp_path / "scenarios" / "b.json").open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    scenarios, (finding,) = read_scenarios(tmp_path, schema())
    assert [scenario.name for scenario in scenarios] == ["one"]
    assert (finding.code, finding.where) == ("package/unreadable", "scenarios/b.json")


def test_files_beyond_the_limit_are_told_and_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenario, "MOST_SCENARIOS", 2)
    for name in ("a", "b", "c"):
        write(tmp_path, f"{name}.json", {**ONE, "name": name})
    scenarios, (finding,) = read_scenarios(tmp_path, schema())
    assert len(scenarios) == 2
    assert "found 3" in finding.message
    assert finding.blocks


def test_two_scenarios_of_one_name_are_a_finding(tmp_path: Path) -> None:
    write(tmp_path, "a.json", ONE)
    write(tmp_path, "b.json", ONE)
    _, (finding,) = read_scenarios(tmp_path, schema())
    assert finding.code == "scenario/duplicate-name"
    assert "scenarios/a.json" in finding.message


def test_the_canonical_form_does_not_depend_on_files_or_their_order() -> None:
    one = Scenario.from_json(ONE, source="a.json")
    two = Scenario.from_json({**ONE, "name": "two"}, source="b.jsonl:3")
    content = dump_scenarios([two, one])
    assert content == dump_scenarios([one, two])
    assert [scenario.to_json() for scenario in load_scenarios(content)] == [
        one.to_json(),
        two.to_json(),
    ]


def test_a_line_that_is_no_scenario_is_refused() -> None:
    with pytest.raises(ManifestError):
        load_scenarios(b"{}\n")
