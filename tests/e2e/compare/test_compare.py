"""Packages beside each other on the same rows, run in their own environments."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from tests.remotes import variables

import ketch
from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.cli.main import main
from ketch.compare.questions import Asked, Question
from ketch.compare.trial import Options, compare
from ketch.package import Package, PackageName, Reference, Stage
from ketch.progress import Silent
from ketch.registry import Policy
from ketch.registry.desk import evidence
from ketch.registry.gates import Proof
from ketch.runtime import Home
from ketch.store import MemoryStore, copy_graph

pytestmark = pytest.mark.e2e

PIPELINE = """
import os
import time


def price(_, rows):
    for row in rows:
        if 118 < row["size"] <= {dies}:
            os._exit(3)
        if 110 < row["size"] <= {fails}:
            raise RuntimeError("too large")
    time.sleep({slow})
    return [{{"price": row["size"] * {rate}, "label": {label}}} for row in rows]
"""
PLAIN = {"rate": "2.0", "fails": "0", "dies": "0", "slow": "0", "label": "row['kind']"}
SHOP = {
    "1.0.0": {},
    "1.1.0": {"rate": "(2.5 if row['kind'] == 'lamp' else 2.4)"},
    "1.2.0": {"rate": "1.0"},
}
ROWS = 120

ROOT = Path(__file__).parents[3]

Author = Callable[..., Path]
Cli = Callable[..., dict[str, Any]]


def write(folder: Path, author: Author, version: str, changed: Mapping[str, str]) -> Path:
    """Write a version of the shop; its one scenario is a cup of size 8."""
    code = PIPELINE.format(**{**PLAIN, **changed})
    names: dict[str, Any] = {}
    exec(code, names)
    asked = {"size": 8.0, "kind": "cup"}
    author(
        folder / version,
        code,
        steps=["pipeline:price"],
        inputs='size = "float64"\nkind = "string"',
        outputs='price = "float64"\nlabel = "string"',
        scenarios=[{"inputs": asked, "expected": names["price"](None, [asked])[0]}],
    )
    declared = folder / version / "ketch.toml"
    declared.write_text(declared.read_text().replace("1.0.0", version))
    return folder / version


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, author: Author) -> Home:
    """A home with versions of a shop, and a file of what was paid, near 2.5 times the size."""
    folder = tmp_path_factory.mktemp("compare")
    found = Home(folder / "home")
    for version, changed in SHOP.items():
        assert ketch.pack(write(folder, author, version, changed), home=found).verified
    lines = [
        f"{row},{row + 1}.0,{'lamp' if row % 4 == 0 else 'cup'},s{row % 30},"
        f"{(row + 1) * 2.5 + row % 7 - 3:g}"
        for row in range(ROWS)
    ]
    (folder / "paid.csv").write_text("\n".join(["order,size,kind,shopper,paid", *lines]) + "\n")
    return found


@pytest.fixture
def paid(home: Home) -> Path:
    return home.path.parent / "paid.csv"


@pytest.fixture
def packed(home: Home) -> list[Package]:
    return [home.open(Reference.parse(f"shop:{version}")) for version in SHOP]


@pytest.fixture
def odd(home: Home, author: Author) -> Callable[..., Package]:
    """Builds a version of the shop that nobody would pack."""

    def make(version: str, **changed: str) -> Package:
        folder = write(home.path.parent, author, version, changed)
        return build(folder, home, Building(), Silent(), install=False).package

    return make


@pytest.fixture
def cli(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs ``ketch compare … --json``."""
    monkeypatch.setenv("KETCH_HOME", str(home.path))

    def run(*arguments: str) -> dict[str, Any]:
        assert main(["compare", *arguments, "--json"]) == 0
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return run


def test_a_metric_is_told_with_its_paired_interval_and_the_best_is_picked(
    cli: Cli, paid: Path, tmp_path: Path
) -> None:
    asked = ["--inputs", str(paid), "--metric", "price:rmse:paid", "--unit", "shopper"]
    page = tmp_path / "page.html"
    names = [f"shop:{version}" for version in SHOP]
    found = cli(*names, *asked, "--slice", "kind", "--pick", "rmse", "--html", str(page))
    (rmse,) = found["metrics"]
    assert (rmse["rows"], rmse["known"], rmse["better"]) == (ROWS, ROWS, "less")
    first, better, worse = rmse["packages"]
    assert first["difference"] is None
    assert better["difference"]["says"] == "better"
    assert better["difference"]["high"] < 0 < worse["difference"]["low"]
    assert better["value"] - first["value"] == pytest.approx(better["difference"]["value"])
    assert (found["picked"], found["choice"]["alike"]) == ("shop:1.1.0", ["shop:1.1.0"])
    assert found["sentence"] == (
        "`shop:1.1.0` is picked: by rmse it is better than each of the 2 others, on 120 rows."
    )
    beside = found["beside"][0]
    assert [one["field"] for one in beside["fields"]] == ["price", "label"]
    assert beside["fields"][0]["max_abs"] == pytest.approx(0.5 * 117)
    assert beside["fields"][0]["row"] == "`paid.csv`, row 116"
    assert beside["fields"][1]["rows"] == 0
    assert [one["slice"] for one in beside["slices"]] == ["cup", "lamp"]
    assert beside["where_most"][0]["slice"] == "lamp"
    assert (beside["passed"], found["beside"][1]["passed"]) == (True, False)
    assert found["beside"][1]["speaks_against"] == ["its rmse is worse than that of `shop:1.0.0`"]
    drawn = ET.fromstring(page.read_text().partition("\n")[2])  # our own page
    assert any(one.tag.endswith("svg") for one in drawn.iter())
    documented = (ROOT / "docs" / "reference" / "compare.md").read_text()
    keys = {*found, *first, *found["packages"][0], *found["choice"], *beside, *rmse}
    assert [key for key in sorted(keys) if f"`{key}`" not in documented] == []


def test_scenarios_of_all_are_asked_and_told_on_a_screen(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETCH_HOME", str(home.path))
    assert main(["compare", "shop:1.0.0", "shop:1.1.0"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("`shop:1.1.0`, beside `shop:1.0.0`, answers the one row otherwise")
    assert "scenario `s0`  16.0 → 19.2" in text
    assert "1 row asked" in text


def test_rows_that_fail_are_counted_and_named_and_the_others_measured(
    home: Home, packed: list[Package], paid: Path, odd: Callable[..., Package]
) -> None:
    """Sizes 111 to 118 raise, and 119 and 120 end the process: ten rows of one block."""
    broken = odd("1.3.0", fails="118", dies="120", rate="2.5")
    options = Options(inputs=paid, metrics=["price:mae:paid"], pick="mae")
    found = compare([packed[0], broken], home, options)
    one = found.ran[1]
    assert (one.answered, one.failed) == (ROWS - 10, 10)
    assert {(why.code, why.rows, why.at) for why in one.failures} == {
        ("package-code/raised", 8, "`paid.csv`, row 110"),
        ("worker/died", 2, "`paid.csv`, row 118"),
    }
    assert found.metrics[0].values[0].n == ROWS - 10
    assert found.metrics[0].says[1] == "better"
    assert found.beside[0].speaks_against == (
        "it does not answer 10 of the rows that `shop:1.0.0` answers",
    )
    assert found.choice is not None
    assert (found.choice.picked, found.choice.out) == (0, (1,))


def test_the_last_worker_is_asked_row_by_row_as_those_before_it(
    home: Home, packed: list[Package], odd: Callable[..., Package]
) -> None:
    broken = odd("1.6.0", fails="118", dies="120")
    sizes = [*[(119.0,)] * 4, (1.0, 115.0, 2.0)]
    questions = [
        Question(f"question {at}", tuple({"size": size, "kind": "cup"} for size in asked))
        for at, asked in enumerate(sizes)
    ]
    found = compare([packed[0], broken], home, Options(asked=Asked(tuple(questions))))
    kinds = {(why.code, why.rows, why.at) for why in found.ran[1].failures}
    assert kinds == {
        ("worker/died", 4, "question 0"),
        ("package-code/raised", 1, "question 4, row 1"),
    }


def test_what_changes_each_time_is_not_compared_and_the_slow_are_told(
    home: Home, packed: list[Package], paid: Path, odd: Callable[..., Package]
) -> None:
    restless = odd("1.4.0", slow="0.01", label="os.urandom(9).hex() if row['size'] == 3 else 'cup'")
    found = compare([packed[0], restless], home, Options(inputs=paid))
    assert found.ran[1].unsteady == 1
    assert len(found.beside[0].differences.compared) == ROWS - 1
    labels = found.beside[0].differences.fields[0]
    assert (labels.field, labels.rows) == ("label", 30)
    row = found.ran[1].row
    assert row is not None
    assert row.ratio > 5
    assert row.median_ms > 10
    assert found.ran[1].memory_bytes > 1e6


def test_what_cannot_be_started_is_named(
    home: Home, packed: list[Package], author: Author, tmp_path: Path
) -> None:
    folder = write(tmp_path, author, "1.5.0", {})
    declared = folder / "ketch.toml"
    required = '[environment]\nrequired = ["NO_SUCH_VARIABLE"]'
    declared.write_text(declared.read_text().replace("[environment]", required))
    lacking = build(folder, home, Building(), Silent(), install=False).package
    found = compare([packed[0], packed[0]], home, Options(names=("one", "two")))
    assert not found.beside[0].differences.moved
    with pytest.raises(ketch.KetchError, match=r"shop:1\.5\.0.*NO_SUCH_VARIABLE"):
        compare([packed[0], lacking], home)


def test_a_recorded_comparison_opens_the_gate_for_what_is_no_worse_than_prod(
    home: Home, cli: Cli, paid: Path, packed: list[Package]
) -> None:
    """Evidence beside another package than that in prod, or that speaks against, opens nothing."""
    policy = Policy.parse(b'unit = "kind"\ncomparison = true\nexperiment = false\napprovals = 0\n')
    with variables(KETCH_USER="ana"), home.desk() as desk:
        desk.set_policy("shop", policy)
        for package in packed:
            desk.publish(PackageName("shop"), package.digest)
        desk.promote(Reference.parse("shop:1.0.0"), Stage.PROD, route="shop", reason="first")

        def gate(version: str) -> tuple[bool, str]:
            at = desk.gates(Reference.parse(f"shop:{version}"), Stage.LIMITED, route="shop")
            one = next(one for one in at if one.code == "gate/comparison")
            return one.is_open, one.says

        assert gate("1.1.0") == (False, "it was never compared with `shop:1.0.0`")
        measured = ["--inputs", str(paid), "--metric", "price:rmse:paid", "--record"]
        cli("shop:1.2.0", "shop:1.1.0", *measured)
        assert gate("1.1.0")[0] is False
        found = cli("shop:1.0.0", "shop:1.1.0", "shop:1.2.0", *measured)
        assert found["recorded"] == ["shop:1.1.0", "shop:1.2.0"]
        assert gate("1.1.0") == (True, "nothing speaks against it beside `shop:1.0.0`")
        assert gate("1.2.0") == (False, "the comparison with `shop:1.0.0` speaks against it")
    known = evidence(packed[1].digest, home.store)
    compared = [one for one in known if one.kind is Proof.COMPARISON]
    assert {one.against for one in compared} == {packed[0].digest, packed[2].digest}
    elsewhere = MemoryStore()
    copy_graph(home.store, elsewhere, packed[1].descriptor)
    assert set(evidence(packed[1].digest, elsewhere)) == set(known)


def test_only_what_has_a_name_can_be_recorded(
    home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETCH_HOME", str(home.path))
    folder = str(home.path.parent / "1.1.0")
    assert main(["compare", "shop:1.0.0", folder, "--record"]) == 2
    assert "expected a package with a name for `--record`" in capsys.readouterr().err
    assert main(["compare", "shop:1.0.0", "shop:1.0.0", "--record"]) == 2
    assert "expected a metric with `--record`, found none" in capsys.readouterr().err
