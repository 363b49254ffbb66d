"""From a folder to a package in a store, or to all that is wrong with the folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ketch.authoring import Options, Silent
from ketch.authoring import build as building
from ketch.authoring.build import Built, build
from ketch.authoring.gather import gather
from ketch.errors import Finding, NotFound, Refused, Unavailable
from ketch.package import Package
from ketch.runtime import Home

Shop = Callable[..., Path]


def built(folder: Path, home: Home, **how: Any) -> Built:
    install = how.pop("install", False)
    return build(folder, home, Options(**how), Silent(), install=install)


def refusal(folder: Path, home: Home, **how: Any) -> tuple[Finding, ...]:
    with pytest.raises(Refused) as caught:
        built(folder, home, **how)
    return caught.value.findings


def blobs(home: Home) -> list[Path]:
    return list(home.path.glob("store/blobs/sha256/*"))


def test_a_package_has_a_digest_and_no_name(shop: Shop, home: Home) -> None:
    made = built(shop(), home)
    assert made.package.code().keys() == {"pipeline.py"}
    assert made.package.read("model/factor.json") == b"2"
    assert home.store.tags() == {}


def test_the_folder_stays_as_it_is(shop: Shop, home: Home) -> None:
    folder = shop()
    before = sorted(folder.rglob("*"))
    built(folder, home)
    assert sorted(folder.rglob("*")) == before


def test_the_package_pins_the_exact_python(shop: Shop, home: Home) -> None:
    folder = shop()
    toml = folder / "ketch.toml"
    toml.write_text(toml.read_text().replace("python = ", 'python = "3.11" # '))
    made = built(folder, home)
    assert made.package.manifest.environment.python == made.lock.python
    assert made.lock.python.count(".") == 2


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path, home: Home) -> None:
    with pytest.raises(NotFound) as caught:
        built(tmp_path / "nowhere", home)
    assert caught.value.code == "package/no-folder"


def test_a_refusal_names_the_folder_as_it_was_given(
    shop: Shop, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shop("import pandas\n" + "def double(m, rows):\n    return rows\n")
    monkeypatch.chdir(folder.parent)
    with pytest.raises(Refused, match=r"^`shop` cannot be packed: 2 things are wrong"):
        built(Path("shop"), home, install=True)


@pytest.mark.parametrize("install", [True, False])
def test_an_import_that_nothing_brings_is_refused_before_anything_is_stored(
    shop: Shop, home: Home, *, install: bool
) -> None:
    folder = shop()
    code = folder / "pipeline.py"
    code.write_text("import pandas\n" + code.read_text())
    (finding,) = refusal(folder, home, install=install)
    assert (finding.code, finding.where) == ("package/undeclared-import", "pipeline.py:1")
    assert blobs(home) == []
    assert not (folder / "requirements.lock").exists()


def test_an_import_is_only_advised_against_where_another_library_may_bring_it(
    shop: Shop, home: Home
) -> None:
    """Names of modules and libraries differ, and without an environment that is all we have."""
    folder = shop(files={"requirements.txt": "some-library\n"})
    code = folder / "pipeline.py"
    code.write_text("import some_library, other\nimport sklearn\n" + code.read_text())
    (folder / "README.md").unlink()
    findings = refusal(folder, home)
    assert [(one.code, one.blocks, one.message.split("`")[1]) for one in findings] == [
        ("package/readme-missing", True, "README.md"),
        ("package/undeclared-import", False, "other"),
        ("package/undeclared-import", False, "sklearn"),
    ]


def test_samples_that_cannot_be_profiled_are_told_with_everything_else(
    shop: Shop, home: Home
) -> None:
    more = '[data.a]\nsource = "s3://a"\nsample = "a.csv"\ntime_column = "at"\n'
    folder = shop(more=more, files={"a.csv": "size\n1\n"})
    assert [one.code for one in refusal(folder, home)] == ["table/no-time-column"]
    (folder / "README.md").unlink()
    codes = [one.code for one in refusal(folder, home)]
    assert codes == ["package/readme-missing", "table/no-time-column"]


def test_a_refused_folder_does_not_wait_for_a_large_sample(
    shop: Shop, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = '[data.a]\nsource = "s3://a"\nsample = "a.csv"\ntime_column = "at"\n'
    folder = shop(more=more, files={"a.csv": "size\n1\n"})
    (folder / "README.md").unlink()
    monkeypatch.setattr(building, "SMALL_SAMPLE_BYTES", 3)
    assert [one.code for one in refusal(folder, home)] == ["package/readme-missing"]


def test_what_is_forgiven_is_not_told(shop: Shop, home: Home) -> None:
    folder = shop(scenarios=[{"inputs": {"size": 3}}])
    assert built(folder, home, forgive=frozenset({"scenario/no-expectation"})).findings == ()
    (folder / "README.md").unlink()
    findings = refusal(folder, home, forgive=frozenset({"scenario/no-expectation"}))
    assert [one.code for one in findings] == ["package/readme-missing"]


@pytest.mark.parametrize("path", ["pipeline.py", "README.md", "model/factor.json", "seen.csv"])
def test_a_file_that_changes_while_it_is_packed_is_named(
    shop: Shop, home: Home, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    more = '[data.seen]\nsource = "s3://x"\nsample = "seen.csv"\n'
    folder = shop(more=more, files={"seen.csv": "a\n1\n"})

    def store(*arguments: Any) -> Package:
        (folder / path).write_text("written by somebody else")
        return stored(*arguments)

    stored = building._store
    monkeypatch.setattr(building, "_store", store)
    with pytest.raises(Unavailable) as caught:
        built(folder, home)
    assert (caught.value.code, caught.value.where) == ("store/file-changed", path)
    assert "run the same again" in str(caught.value.hint)


def test_a_sample_ships_only_when_asked(shop: Shop, home: Home) -> None:
    more = '[data.seen]\nsource = "s3://x"\nsample = "seen.csv"\n'
    folder = shop(more=more, files={"seen.csv": "a\n1\n"})
    made = built(folder, home)
    assert made.package.profiles["seen"].row_count == 1
    assert not made.package.under("data/")
    toml = folder / "ketch.toml"
    toml.write_text(toml.read_text() + "ship = true\n")
    assert list(built(folder, home).package.under("data/")) == ["seen/seen.csv"]


def test_findings_that_do_not_block_come_with_the_package(shop: Shop, home: Home) -> None:
    folder = shop()
    code = folder / "pipeline.py"
    code.write_text("import os\nURL = os.environ.get('URL')\n" + code.read_text())
    assert [one.code for one in built(folder, home).findings] == ["package/undeclared-variable"]
    assert not any(one.blocks for one in gather(folder).findings)
