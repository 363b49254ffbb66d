"""Why a candidate answers otherwise than what is served, shown with what a route was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.gateways import serving
from tests.remotes import variables

import ketch
from ketch.cli.main import main
from ketch.package import PackageName, Reference, Stage
from ketch.registry import Policy
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

PIPELINE = """
def size(_, rows):
    if rows[0]["item"] == "weapon":
        raise ValueError("that is not for sale")
    return [{"size": len(row["item"])} for row in rows]


def price(_, rows):
    return [{"price": row["size"] * (1 if row["size"] < 9 else RATE)} for row in rows]


RATE = 2
"""
POLICY = b"""
unit = "item"
experiment = false
[metrics.off]
measure = "mae"
output = "price"
outcome = "paid"
[metrics.silence]
measure = "mae"
output = "price"
outcome = "refund"
window = "1ms"
absent = 0
"""
ITEMS = ("cup", "chandelier", "tin", "candlestick", "mug")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A home whose route `shop` has answered; its one scenario asks nothing that is long."""
    folder = tmp_path_factory.mktemp("replay")
    found = Home(folder / "home")
    author(
        folder / "shop",
        PIPELINE,
        steps=["pipeline:size", "pipeline:price"],
        inputs='item = "string"',
        outputs='price = "int64"',
        scenarios=[{"inputs": {"item": "cup"}, "expected": {"price": 3}}],
    )
    assert ketch.pack(folder / "shop", home=found).verified
    reference = Reference.parse("shop:1.0.0")
    with variables(KETCH_USER="ana"), found.desk() as desk:
        desk.set_policy("shop", Policy.parse(POLICY))
        desk.publish(PackageName("shop"), found.resolve(reference))
        with variables(KETCH_USER="ben"), found.desk() as his:
            his.approve(reference, reason="looked at it", route="shop")
        desk.promote(reference, Stage.PROD, route="shop", reason="first")
    with serving(found, "--no-guard") as gateway:
        gateway.until(lambda: gateway.ask("/readyz").status == 200)
        for item in (*ITEMS, "weapon"):
            gateway.ask("/shop", {"item": item})
        assert gateway.ask("/shop", [{"item": "vase"}, {"item": "grandfather clock"}]).status == 200
        assert gateway.stop() == 0
    return found


@pytest.fixture
def newer(home: Home, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KETCH_HOME", str(home.path))
    folder = home.path.parent / "shop"
    code = folder / "pipeline.py"
    code.write_text(code.read_text().replace("RATE = 2", "RATE = 3"))
    return folder


def test_what_scenarios_do_not_show_the_decisions_of_the_route_do(
    newer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "shop:1.0.0", str(newer)]) == 0
    assert capsys.readouterr().out.startswith("Nothing changed:")
    asked = ["explain", "shop:1.0.0", str(newer), "--route", "shop", "--since", "1h"]
    assert main([*asked, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["changed"]) == (7, 3)
    assert found["cause"] == {"kind": "step", "name": "pipeline:price", "from": "2", "to": "3"}
    assert found["first_divergence"]["question"].startswith("decision 01")
    assert found["notes"][0].startswith("7 of 7 rows that `shop` answered, with `--since 20")


def test_out_of_time_the_same_decisions_are_asked_when_it_goes_on(
    newer: Path, home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    declared = newer / "ketch.toml"
    declared.write_text(declared.read_text() + '[environment.variables]\nUNREAD = "1"\n')
    window = ["--route", "shop", "--since", "1h"]
    asked = ["explain", "shop:1.0.0", str(newer)]
    assert main([*asked, *window, "--budget", "1ms"]) == 0
    text = capsys.readouterr().out
    told = " ".join(text.split())  # where a line ends depends on the length of a path in it
    assert "! there was no time for the mixture with code of `" in told
    assert "run the same command again with these times to go on from here" in told
    (said,) = [line for line in text.splitlines() if "rows that `shop` answered" in line]
    whole = " ".join(text[text.index(said) :].split())
    again = whole.split("`")[3].split()
    assert again[0] == "--since"
    assert again[2] == "--until"
    kept = {one: one.stat().st_mtime_ns for one in (home.path / "explained").iterdir()}
    assert main([*asked, "--route", "shop", *again]) == 0
    assert "from `pipeline:RATE` 2 → 3" in " ".join(capsys.readouterr().out.split())
    assert (
        kept.items()
        <= {one: one.stat().st_mtime_ns for one in (home.path / "explained").iterdir()}.items()
    )


def test_a_time_without_a_route_is_refused(newer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["explain", "shop:1.0.0", str(newer)]
    assert main([*asked, "--since", "1h"]) == 2
    assert "expected `--route` with `--since`, found none" in capsys.readouterr().err
    assert main([*asked, "--route", "shop", "--inputs", "rows.jsonl"]) == 2
    assert main([*asked, "--route", "shopp"]) == 2
    assert "did you mean `shop`?" in capsys.readouterr().err


def test_what_became_of_decisions_says_which_package_is_better(
    newer: Path, home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each was paid three times its length: that is what the newer one says of long ones."""
    assert main(["decisions", "--route", "shop", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    outcomes = tmp_path / "paid.jsonl"
    paid = {
        one["decision"]: 3 * len(one["inputs"]["item"])
        for one in found["decisions"]
        if isinstance(one["inputs"], dict) and one["inputs"]["item"] != "weapon"
    }
    lines = [{"name": "paid", "decision": one, "value": value} for one, value in paid.items()]
    outcomes.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert main(["outcome", "shop", str(outcomes)]) == 0
    capsys.readouterr()
    asked = ["compare", "shop:1.0.0", str(newer), "--route", "shop", "--since", "1h"]
    assert main([*asked, "--json"]) == 0  # by the metrics of the policy
    told = json.loads(capsys.readouterr().out)
    mae, silence = told["metrics"]
    assert (mae["metric"], silence["metric"], silence["known"]) == ("off", "silence", 7)
    assert silence["packages"][0]["value"] == pytest.approx((3 + 20 + 3 + 22 + 3 + 4 + 34) / 7)
    assert (told["rows"], mae["known"], mae["rows"]) == (7, 5, 5)
    assert mae["packages"][0]["value"] == pytest.approx((6 + 10 + 6 + 11 + 6) / 5)
    assert mae["packages"][1]["value"] == pytest.approx((6 + 0 + 6 + 0 + 6) / 5)
