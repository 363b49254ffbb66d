"""The demo's data and packages: what their documents say of them is so."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import duckdb
import pytest

from ketch.package.manifest_reader import read_manifest
from ketch.package.scenario import read_scenarios
from ketch.schema import Decoder
from ketch.tables.scan import profile_file

DEMO = Path(__file__).parents[3] / "src" / "ketch" / "demo"
PROJECTS = ("top-sellers", "recommender")


def trained(name: str, to: Path) -> Path:
    """Copy a project as ``ketch demo`` does, and train it."""
    folder = to / name
    shutil.copytree(DEMO / "projects" / name, folder)
    command = [sys.executable, str(folder / "train.py"), "--shop", str(DEMO / "data")]
    subprocess.run(command, check=True, cwd=to)
    return folder


def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"demo_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def files(folder: Path) -> dict[str, str]:
    made = [*folder.glob("model/*"), *folder.glob("data/*")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


def test_the_extract_is_the_one_that_its_notice_describes() -> None:
    notice = (DEMO / "data" / "NOTICE.md").read_text()
    profile = profile_file(DEMO / "data" / "lines.parquet", time_column="invoice_date")
    assert str(profile.digest) in notice
    assert f"{profile.row_count:,}" in notice
    assert str(profile_file(DEMO / "data" / "products.parquet").digest) in notice
    counts = duckdb.execute(
        f"""SELECT count(DISTINCT invoice), count(DISTINCT customer_id), count(DISTINCT stock_code)
        FROM '{DEMO}/data/lines.parquet'"""
    ).fetchall()[0]
    for count in counts:
        assert f"{count:,}" in notice
    assert "10.24432/C5CG6D" in notice
    assert "CC BY 4.0" in notice


def test_the_data_stays_small() -> None:
    assert sum(path.stat().st_size for path in (DEMO / "data").glob("*.parquet")) < 2_500_000


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_declares_itself_without_a_finding(name: str) -> None:
    manifest, findings = read_manifest(DEMO / "projects" / name)
    assert findings == ()
    assert manifest is not None
    assert manifest.route == "recommendations"


def test_both_projects_can_answer_one_route() -> None:
    first, second = (read_manifest(DEMO / "projects" / name)[0] for name in PROJECTS)
    assert first is not None
    assert second is not None
    assert first.schema == second.schema


@pytest.mark.parametrize("name", PROJECTS)
def test_scenarios_promise_answers_of_the_declared_schema(name: str) -> None:
    folder = DEMO / "projects" / name
    manifest, _ = read_manifest(folder)
    assert manifest is not None
    scenarios, findings = read_scenarios(folder, manifest.schema)
    assert findings == ()
    assert 5 <= len(scenarios) <= 10
    for scenario in scenarios:
        _, wrong = Decoder(manifest.schema.inputs).decode([dict(row) for row in scenario.inputs])
        assert {finding.code for finding in wrong} == (
            {scenario.expected_error} if scenario.expected_error else set()
        )
        if scenario.expected is not None:
            expected = [dict(row) for row in scenario.expected]
            assert Decoder(manifest.schema.outputs).decode(expected) == (expected, ())


@pytest.mark.parametrize("name", PROJECTS)
def test_training_twice_gives_the_same_files(name: str, tmp_path: Path) -> None:
    first = files(trained(name, tmp_path / "a"))
    assert first == files(trained(name, tmp_path / "b"))
    assert first


def test_what_a_project_declares_as_sample_is_what_training_wrote(tmp_path: Path) -> None:
    for name in PROJECTS:
        folder = trained(name, tmp_path)
        manifest, _ = read_manifest(folder)
        assert manifest is not None
        for data in manifest.data:
            assert data.sample is not None
            profile = profile_file(folder / data.sample, time_column=data.time_column)
            assert profile.time_to is not None
            assert profile.time_to[:10] <= str(data.version)


def test_top_sellers_answers_as_its_scenarios_promise(tmp_path: Path) -> None:
    folder = trained("top-sellers", tmp_path)
    pipeline = module(folder / "pipeline.py")
    manifest, _ = read_manifest(folder)
    assert manifest is not None
    model = pipeline.load(str(folder / "model"), dict(manifest.params))
    for scenario in read_scenarios(folder, manifest.schema)[0]:
        if scenario.expected is not None:
            answers = pipeline.recommend(model, [dict(row) for row in scenario.inputs])
            assert answers == [dict(row) for row in scenario.expected]


def test_the_metrics_are_right_on_an_example(tmp_path: Path) -> None:
    orders = [
        {"shopper": "1", "viewed": [], "hour": 9, "at": "", "bought": ["a", "b"]},
        {"shopper": "2", "viewed": [], "hour": 9, "at": "", "bought": ["c"]},
    ]
    path = tmp_path / "validation.jsonl"
    path.write_text("".join(json.dumps(order) + "\n" for order in orders))

    def predict(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        assert all(set(row) == {"shopper", "viewed", "hour", "at"} for row in rows)
        return [{"items": ["a", "x"], "scores": [1.0, 0.5]} for _ in rows]

    evaluate = module(DEMO / "projects" / "recommender" / "evaluate.py")
    metrics = evaluate.run(predict, {"validation": str(path)})
    assert metrics == {"hit_rate_at_10": 0.5, "precision_at_10": 0.05, "recall_at_10": 0.25}
