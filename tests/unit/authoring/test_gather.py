"""What is read from a package folder, and what is said of it before anything runs."""

from __future__ import annotations

import json
import os
import pwd
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ketch.authoring import Gathered, gather
from ketch.authoring.listing import refuse_changed
from ketch.errors import Unavailable

Shop = Callable[..., Path]


def codes(found: Gathered) -> list[str]:
    return [finding.code for finding in found.findings]


def test_a_folder_without_faults_is_read_completely(shop: Shop) -> None:
    found = gather(shop(files={"docs/more.md": "More.\n", "prices/a.py": "", "train.py": ""}))
    assert found.findings == ()
    assert found.manifest is not None
    assert str(found.manifest.name) == "shop"
    assert list(found.code) == ["pipeline.py"]
    assert list(found.docs) == ["README.md", "docs/more.md"]
    assert list(found.model) == ["model/factor.json"]
    assert [scenario.name for scenario in found.scenarios] == ["s0"]
    assert found.left_out == ("prices/", "train.py")


def test_every_file_that_ships_is_listed_with_its_size(shop: Shop) -> None:
    more = '[data.seen]\nsource = "s3://x"\nsample = "seen.csv"\nship = true\n'
    found = gather(shop(more=more, files={"seen.csv": "a\n1\n"}))
    assert set(found.sizes) == {"pipeline.py", "README.md", "model/factor.json", "seen.csv"}
    assert found.sizes["seen.csv"] == 4
    assert found.left_out == ()


def test_nothing_is_written(shop: Shop) -> None:
    folder = shop()
    before = sorted(folder.rglob("*"))
    gather(folder)
    assert sorted(folder.rglob("*")) == before


def test_a_folder_without_a_manifest_is_told_so_and_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("-----BEGIN PRIVATE KEY-----")
    found = gather(tmp_path)
    assert codes(found) == ["manifest/missing"]
    assert (found.draft, found.manifest) == (None, None)


def test_what_is_wrong_in_the_manifest_hides_nothing_else(shop: Shop) -> None:
    folder = shop()
    toml = folder / "ketch.toml"
    toml.write_text(toml.read_text().replace('owner = "tests@shop.example"\n', ""))
    (folder / "README.md").unlink()
    (folder / "pipeline.py").write_text("def double(model, rows):\n    return open('/home/a/x')\n")
    found = gather(folder)
    assert set(codes(found)) == {
        "manifest/missing-key",
        "package/readme-missing",
        "package/absolute-path",
        "package/entry-function",
    }
    assert found.manifest is None
    assert found.draft is not None


def test_a_table_is_not_blamed_for_gaps_in_the_schema(shop: Shop) -> None:
    folder = shop(files={"scenarios/t.csv": "size\n1\n", "scenarios/t.expected.csv": "twice\n2\n"})
    toml = folder / "ketch.toml"
    toml.write_text(toml.read_text().replace('size = "float64"', 'size = "flaot64"'))
    assert codes(gather(folder)) == ["schema/bad-type"]


@pytest.mark.parametrize(
    "path", ["model/settings.json", "model/notes.txt", "docs/how.md", "requirements.txt"]
)
def test_a_secret_is_found_in_every_text_that_ships_or_is_read(shop: Shop, path: str) -> None:
    found = gather(shop(files={path: "# ghp_abcdefghijklmnopqrstuvwxyz0123456789\n"}))
    assert [(one.code, one.where) for one in found.findings] == [("package/secret", f"{path}:1")]


def test_a_scenario_below_the_folder_is_not_passed_over(shop: Shop) -> None:
    scenario = json.dumps({"name": "x", "inputs": {"size": 1}, "expected": {"twice": 2}})
    found = gather(shop(files={"scenarios/edge/x.json": scenario}))
    assert [(one.code, one.where) for one in found.findings] == [
        ("scenario/unreadable", "scenarios/edge/x.json")
    ]


def test_what_an_editor_leaves_beside_a_scenario_does_not_matter(shop: Shop) -> None:
    assert codes(gather(shop(files={"scenarios/.all.jsonl.swp": "x"}))) == []


def test_a_src_folder_is_a_root_of_the_code(shop: Shop) -> None:
    folder = shop(
        steps=["shop.steps:double"],
        files={
            "src/shop/__init__.py": "",
            "src/shop/steps.py": "def double(m, rows):\n    return rows\n",
        },
    )
    assert set(gather(folder).code) == {"pipeline.py", "shop/__init__.py", "shop/steps.py"}


def test_a_package_called_src_keeps_its_name(shop: Shop) -> None:
    folder = shop(
        steps=["src.steps:double"],
        files={"src/__init__.py": "", "src/steps.py": "def double(m, rows):\n    return rows\n"},
    )
    assert {"src/__init__.py", "src/steps.py"} <= set(gather(folder).code)


def test_a_link_in_the_model_is_found_whatever_it_leads_to(shop: Shop, tmp_path: Path) -> None:
    folder = shop()
    (tmp_path / "trained").mkdir()
    (tmp_path / "trained" / "weights.bin").write_bytes(b"0")
    (folder / "model" / "large").symlink_to(tmp_path / "trained")
    assert [(one.code, one.where) for one in gather(folder).findings] == [
        ("package/symlink", "model/large")
    ]


def test_a_large_scenario_file_is_advised_against(shop: Shop) -> None:
    rows = [{"size": n} for n in range(900_000)]
    one = {"name": "all", "inputs": rows, "expected": rows}
    found = gather(shop(files={"scenarios/large.json": json.dumps(one)}))
    assert codes(found) == ["package/large-scenario"]
    assert not found.findings[0].blocks


def test_a_file_that_changes_afterwards_is_noticed(shop: Shop) -> None:
    folder = shop()
    found = gather(folder)
    refuse_changed(folder, found.looks)
    (folder / "README.md").write_text("Another.\n")
    with pytest.raises(Unavailable, match=r"README\.md"):
        refuse_changed(folder, found.looks)


def test_the_folder_may_be_reached_by_a_link_or_from_inside(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder)
    for way in (tmp_path / "link", Path(), Path("..") / folder.name):
        assert gather(way).folder == Path(os.path.realpath(folder))
        assert gather(way).findings == ()


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder of an ordinary user, whom this process becomes; root may read everything."""
    if os.geteuid() != 0:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)
        return
    user = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.seteuid(user.pw_uid)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize(
    "path",
    [
        *("ketch.toml", "README.md", "pipeline.py", "requirements.lock", "scenarios/all.jsonl"),
        *("scenarios", "docs", "model", "model/deep", "model/deep/weights.bin"),
    ],
)
def test_what_may_not_be_read_is_named_once(
    nobody: Path, author: Callable[..., Path], path: str
) -> None:
    files = {"model/deep/weights.bin": "0", "docs/how.md": "How.\n", "requirements.lock": ""}
    code = "def run(model, rows):\n    return rows\n"
    promised = [{"inputs": {"n": 1}, "expected": {"n": 1}}]
    folder = author(
        nobody, code, inputs='n = "int64"', outputs='n = "int64"', scenarios=promised, files=files
    )
    (folder / path).chmod(0)
    try:
        found = gather(folder)
    finally:
        (folder / path).chmod(0o755)
    unread = [one for one in found.findings if one.code == "package/unreadable"]
    assert [one.where for one in unread] == [path]
    others = {one.code for one in found.findings} - {"package/unreadable", "env/lock"}
    assert others == set()
