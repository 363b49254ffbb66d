"""One decision from the gateway to the auditor: traced, asked again, made a scenario, erased."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.buckets import BUCKET
from tests.gateways import Said, serving
from tests.remotes import variables

import ketch
from ketch.cli.main import main
from ketch.monitor.decisions.keyed import keyed
from ketch.monitor.decisions.sealing import seal
from ketch.monitor.decisions.shipping import ship
from ketch.monitor.forgetting import erasures
from ketch.monitor.logs import Logs
from ketch.monitor.outcomes.ledger import Outcomes
from ketch.monitor.outcomes.outcome import Outcome
from ketch.monitor.trace.rerun import rerun
from ketch.monitor.trace.standing import standing
from ketch.package import PackageName, Reference, Stage
from ketch.registry import Policy
from ketch.registry.share import Share
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

PIPELINE = """
def price(_, rows):
    for row in rows:
        if row["item"] == "weapon":
            raise ValueError("that is not for sale")
    return [{"price": len(row["item"]) * 0.1, "seed": _seed(row["item"])} for row in rows]


def _seed(item):
    return hash(item) if item == "clock" else 0


def mailed(_, rows):
    return [{**row, "to": None} for row in rows]
"""
INPUTS = """
shopper = "string"
item = "string"
email = { type = "string", nullable = true, pii = true }
"""
OUTPUTS = """
price = "float64"
seed = "int64"
to = { type = "string", nullable = true, pii = true }
"""
ROW = {"shopper": "ana", "item": "apple", "email": None}
POLICY = b'unit = "shopper"\nexperiment = false\n'


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Home:
    """A home with `shop:1.0.0` in prod, whom ben approved, and `shop:1.1.0` at limited."""
    folder = tmp_path_factory.mktemp("trace")
    found = Home(folder / "home")
    for version in ("1.0.0", "1.1.0"):
        author(
            folder / "shop",
            PIPELINE,
            steps=["pipeline:price", "pipeline:mailed"],
            inputs=INPUTS,
            outputs=OUTPUTS,
            scenarios=[{"inputs": ROW, "expected": {"price": 0.5, "seed": 0, "to": None}}],
            more=f'[params]\nversion = "{version}"\n',
        )
        declared = folder / "shop" / "ketch.toml"
        declared.write_text(declared.read_text().replace("1.0.0", version))
        assert ketch.pack(folder / "shop", home=found).verified
    with variables(KETCH_USER="ana"), found.desk() as desk:
        desk.set_policy("shop", Policy.parse(POLICY))
        for version in ("1.0.0", "1.1.0"):
            desk.publish(PackageName("shop"), found.resolve(Reference.parse(f"shop:{version}")))
        with variables(KETCH_USER="ben"), found.desk() as his:
            his.approve(Reference.parse("shop:1.0.0"), reason="looked at it", route="shop")
        desk.promote(Reference.parse("shop:1.0.0"), Stage.PROD, route="shop", reason="first")
        desk.promote(
            Reference.parse("shop:1.1.0"), Stage.LIMITED, route="shop", share=Share(500_000)
        )
    return found


@pytest.fixture(scope="module")
def bucket(s3: str) -> str:
    """A prefix of a real bucket, to which the gateway sends decisions."""
    assert s3
    return f"s3://{BUCKET}/trace"


@pytest.fixture(scope="module")
def asked(home: Home, bucket: str) -> dict[str, Said]:
    """What a gateway said: to units in both arms, to a refusal, to personal data, to a clock."""
    with serving(home, "--no-guard", "--decisions-to", bucket) as gateway:
        gateway.until(lambda: {"limited", "prod"} <= set(arms(gateway.ask("/readyz").json)))
        said = {unit: gateway.ask("/shop", {**ROW, "shopper": unit}) for unit in ("ana", "ben")}
        said |= {str(n): gateway.ask("/shop", {**ROW, "shopper": str(n)}) for n in range(12)}
        said["weapon"] = gateway.ask("/shop", {**ROW, "item": "weapon"})
        said["email"] = gateway.ask("/shop", {**ROW, "email": "ana@shop.example"})
        said["clock"] = gateway.ask("/shop", {**ROW, "item": "clock"})
        gateway.until(lambda: shipped(gateway.ask("/metrics")) > 0)
        assert gateway.stop() == 0
    return said


def shipped(metrics: Said) -> float:
    """Return when all that was sealed was in the bucket, as the gateway shows it."""
    found = re.search(
        rb"^ketch_decisions_shipped_timestamp_seconds (.+)$", metrics.body, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


def arms(ready: Any) -> list[str]:
    return list(ready["routes"]["shop"]["arms"])


@pytest.fixture
def run(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Run a verb with ``--json``; return what it printed."""
    monkeypatch.setenv("KETCH_HOME", str(home.path))

    def told(*arguments: str, status: int = 0) -> Any:
        capsys.readouterr()
        assert main([*arguments, "--json"]) == status, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    return told


def of(said: Said) -> str:
    return said.headers["ketch-decision"]


def test_a_decision_leads_to_package_promotion_and_approver(
    home: Home, asked: dict[str, Said], run: Callable[..., Any]
) -> None:
    prod = next(one for one in asked.values() if one.headers["ketch-arm"] == "prod")
    found = run("trace", of(prod))
    assert found["decision"] == of(prod)
    assert (found["package"], found["digest"]) == ("shop:1.0.0", prod.headers["ketch-digest"])
    assert (found["promotion"]["actor"], found["promotion"]["reason"]) == ("ana", "first")
    assert found["approver"] == "ben"
    assert found["published"]["by"] == "ana"
    assert found["outputs"] == prod.json
    assert {"code", "environment", "params", "scenarios", "schema"} <= set(found["components"])
    assert found["params"] == {"version": "1.0.0"}
    assert list(found["steps"]) == ["pipeline:price", "pipeline:mailed"]
    assert found["rerun"] is None


def test_an_assignment_is_computed_anew_where_the_unit_stands_in_the_inputs(
    asked: dict[str, Said], run: Callable[..., Any]
) -> None:
    limited = next(one for one in asked.values() if one.headers["ketch-arm"] == "limited")
    found = run("trace", of(limited))
    assignment = found["assignment"]
    assert (assignment["recomputed"], assignment["probability"]) == ("limited", 0.5)
    assert 0 <= assignment["bucket"] < assignment["buckets"] / 2
    assert found["promotion"]["share"] == 0.5
    assert found["approver"] is None
    assert len(found["rollout"]) == 12


def test_the_same_package_gives_the_same_answer_byte_for_byte(
    asked: dict[str, Said], run: Callable[..., Any]
) -> None:
    again = run("trace", of(asked["ana"]), "--rerun")["rerun"]
    assert (again["identical"], again["differences"]) == (True, [])
    refused = run("trace", of(asked["weapon"]), "--rerun")
    assert refused["rerun"]["identical"] is True
    assert refused["status"] == 422


def test_personal_data_was_never_recorded_and_cannot_be_asked_again(
    asked: dict[str, Said], run: Callable[..., Any], tmp_path: Path
) -> None:
    found = run("trace", of(asked["email"]), "--rerun", status=1)
    assert found["rerun"]["identical"] is None
    assert "`email`" in found["rerun"]["why"]
    assert "ana@shop.example" not in json.dumps(found)


def test_another_answer_names_row_and_field_and_the_step_that_moves(
    home: Home, asked: dict[str, Said]
) -> None:
    with Logs([home.path / "decisions"]) as known:
        recorded, _ = known.find(of(asked["clock"]))
    other = replace(recorded, outputs='{"price":0.5,"seed":7,"to":null}')
    package = home.open(Reference.parse(recorded.package))
    done = rerun(other, package, home, keyed(home.path / "decisions"))
    assert done.identical is False
    assert [(one.row, one.field) for one in done.differences] == [(0, "seed")]
    assert done.divergence is not None
    assert done.divergence.step == "pipeline:price"


def test_a_decision_of_a_package_that_nobody_published_says_so(
    home: Home, run: Callable[..., Any], asked: dict[str, Said]
) -> None:
    with Logs([home.path / "decisions"]) as known:
        recorded, _ = known.find(of(asked["ana"]))
    with home.desk() as desk:
        found = standing(replace(recorded, arm="direct"), desk)
    assert (found.promotion, found.approver) == (None, None)
    assert "never had it as `direct`" in found.note
    run("trace", "0" * 12 + "7" + "0" * 3 + "8" + "0" * 15, status=2)


def test_a_decision_becomes_a_draft_of_a_scenario_that_nothing_overwrites(
    home: Home, asked: dict[str, Said], run: Callable[..., Any]
) -> None:
    folder = home.path.parent / "shop"
    added = run("scenario", "add", str(folder), "--from", of(asked["ben"]), "--name", "ben")
    written = json.loads((folder / added["file"]).read_text())
    assert written["inputs"] == {**ROW, "shopper": "ben"}
    assert (written["expected"], written["draft"]) == (asked["ben"].json, True)
    again = run(
        "scenario", "add", str(folder), "--from", of(asked["ana"]), "--name", "ben", status=1
    )
    assert again["code"] == "scenario/exists"
    refused = run("scenario", "add", str(folder), "--from", of(asked["weapon"]), "--confirm")
    assert "draft" not in refused
    assert refused["expected_error"] == asked["weapon"].code
    personal = run("scenario", "add", str(folder), "--from", of(asked["email"]), status=1)
    assert personal["code"] == "scenario/personal"
    assert personal["findings"][0]["where"] == "inputs[0].email"


def test_a_unit_is_forgotten_and_what_went_is_written_down(
    home: Home, asked: dict[str, Said], run: Callable[..., Any]
) -> None:
    with Outcomes(home.path / "decisions") as ledger:
        of_unit = Outcome("shop", "purchase", at=datetime.now(UTC), unit="7")
        of_decision = Outcome("shop", "click", decision=of(asked["7"]))
        ledger.record([of_unit, of_decision, Outcome("shop", "click", decision=of(asked["8"]))])
    names = [one["name"] for one in run("trace", of(asked["7"]))["outcomes"]]
    assert sorted(names) == ["click", "purchase"]
    done = run("erase", "--unit", "7")
    assert (done["decisions"], done["outcomes"]) == (1, 2)
    assert run("decisions", "--unit", "7")["decisions"] == []
    assert len(run("decisions", "--unit", "8")["decisions"]) == 1
    assert run("trace", of(asked["7"]), status=2)["code"] == "decisions/not-found"
    (kept,) = erasures(home.path / "decisions")
    assert (kept.decisions, kept.outcomes, kept.by) == (1, 2, done["by"])
    assert run("erase", "--unit", "7")["decisions"] == 0


def test_a_decision_is_traced_from_the_bucket_that_the_gateway_sent_it_to(
    home: Home, bucket: str, asked: dict[str, Said], run: Callable[..., Any]
) -> None:
    seal(home.path / "decisions", datetime.now(UTC))  # what no erasure sealed already
    ship(home.path / "decisions", bucket)
    found = run("trace", of(asked["ana"]), "--rerun", "--log", bucket)
    assert (found["outputs"], found["rerun"]["identical"]) == (asked["ana"].json, True)
    done = run("erase", "--unit", "ana")
    assert (done["bucket"], done["problem"]) == (bucket, "")
    run("trace", of(asked["ana"]), "--log", bucket, status=2)
