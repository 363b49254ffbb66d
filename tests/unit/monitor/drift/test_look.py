"""A look at a lender, its applicants as they were and changed: real packages, logs and runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.unit.monitor.drift.lender import HALF, MONDAY, ROUTE, Lender, changed

from ketch.cli.drifted import drift_text
from ketch.cli.main import main
from ketch.errors import NotFound
from ketch.monitor.drift import Against, Asked, Drift, look, words
from ketch.monitor.drift.page import page

SECOND = Asked(MONDAY + HALF, MONDAY + 2 * HALF)


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Lender:
    """A lender with some hours of applicants as they were, and some of others."""
    lender = Lender.opened(tmp_path_factory.mktemp("lender"), author)
    lender.answer(MONDAY, 3_000)
    lender.answer(MONDAY + HALF, 3_000, changed, seed=3)
    lender.promote()
    return lender


def looked(lender: Lender, asked: Asked) -> Drift:
    return look(lender.logs, ROUTE, lender.package, lender.home, asked)


@pytest.fixture(scope="module")
def found(lender: Lender) -> Drift:
    return looked(lender, SECOND)


def test_drift_is_ranked_by_what_it_does_to_the_answers(found: Drift) -> None:
    """Debts moved most by far, and the package hardly looks at them."""
    asked = [one for one in found.drifted if one.side == "input"]
    assert [one.name for one in asked] == ["age", "home", "debts"]
    assert max(asked, key=lambda one: one.main.value).name == "debts"
    age = asked[0]
    assert age.effect is not None
    assert age.effect.output == "score"
    assert age.effect.change == pytest.approx(0.04, abs=0.005)
    assert age.effect.shift == pytest.approx(0.04, abs=0.005)
    assert words.sentence(found).startswith(
        "Drift: age, home and debts no longer look like its training data; age moves the answers "
        "most, score by 0.0"
    )


def test_answers_that_training_data_has_no_column_of_are_held_against_the_time_before(
    found: Drift,
) -> None:
    answers = {one.name: one for one in found.fields if one.side == "output"}
    assert {one.against for one in answers.values()} == {Against.PREVIOUS}
    assert answers["score"].drifted
    assert answers["grade"].drifted


def test_the_screen_says_it_in_a_hundred_columns(found: Drift) -> None:
    lines = drift_text(found).splitlines()
    assert lines[0].startswith("Drift: age, home and debts no longer look like its training data")
    assert max(map(len, lines)) <= 100
    assert "  word" in drift_text(found).partition("values too many to tell\n")[2]


def test_the_hours_before_have_no_drift(lender: Lender) -> None:
    found = looked(lender, Asked(MONDAY, MONDAY + HALF))
    assert found.drifted == ()
    assert found.against is Against.TRAINING
    assert found.not_compared.keys() == {"grade", "score"}
    assert words.sentence(found).startswith("No drift: ")


def test_the_time_before_can_be_the_reference(lender: Lender) -> None:
    found = looked(lender, replace(SECOND, against=Against.PREVIOUS, rows=0))
    assert {one.against for one in found.fields} == {Against.PREVIOUS}
    assert {"age", "debts", "home", "score"} <= {one.name for one in found.drifted}
    assert all(one.effects == () for one in found.fields)
    word = next(one for one in found.fields if one.name == "word")
    assert not word.drifted


def test_a_shopper_who_asks_fifty_times_is_one_witness(lender: Lender) -> None:
    lender.answer(MONDAY + 3 * HALF, 2_000, changed, each=50, seed=4)
    asked = Asked(MONDAY + 3 * HALF, MONDAY + 4 * HALF, rows=0)
    found = looked(lender, asked)
    assert found.repeats == pytest.approx(50)
    age = next(one for one in found.fields if one.name == "age")
    assert age.rows[1] == 40
    assert age.noise > 0.3
    assert "50 rows count as one" in " ".join(words.facts(found))


def test_what_nobody_asked_cannot_drift(lender: Lender) -> None:
    with pytest.raises(NotFound, match=r"found none") as told:
        looked(lender, Asked(MONDAY - HALF, MONDAY))
    assert told.value.code == "drift/no-decisions"
    with pytest.raises(NotFound) as told:
        looked(lender, Asked(MONDAY, MONDAY + HALF, Against.PREVIOUS))
    assert told.value.code == "drift/no-reference"


class TestCommand:
    @pytest.fixture(autouse=True)
    def _here(self, lender: Lender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KETCH_HOME", str(lender.home.path))

    def test_json_and_the_page_say_the_same(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "drift.html"
        days = ("--since", "2026-03-09T04:00", "--until", "2026-03-09T08:00")
        assert main(["drift", ROUTE, *days, "--html", str(file), "--json"]) == 0
        value = json.loads(capsys.readouterr().out)
        age = value["fields"][0]
        assert {"field", "measure", "value", "drifted", "effect"} <= age.keys()
        assert (age["field"], age["measure"], age["drifted"]) == ("age", "ks", True)
        assert age["effect"] == pytest.approx(0.04, abs=0.005)
        assert value["false_alarms"] == 0.01
        root = ET.fromstring(file.read_text())
        assert root.findall(".//{http://www.w3.org/2000/svg}svg")
        assert "age, home and debts no longer look like" in file.read_text()

    def test_wrong_times_are_told(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["drift", ROUTE, "--since", "2026-03-16", "--until", "2026-03-10"]) == 2
        assert "expected a time after `2026-03-16`" in capsys.readouterr().err
        assert main(["drift", "nowhere"]) == 2
        assert "no route `nowhere`" in capsys.readouterr().err


def test_a_page_without_drift_has_no_plots(lender: Lender) -> None:
    text = page(looked(lender, Asked(MONDAY, MONDAY + HALF)))
    assert "No drift" in text
    assert "<svg" not in text
