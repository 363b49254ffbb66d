"""An archive that came from elsewhere, or came damaged: what a person is told to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.shop import ROWS, open_shop, run_ketch

import ketch
from ketch import UsageError
from ketch.authoring import pack
from ketch.runtime import Home

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]) -> Path:
    """The archive of a package that another home has packed."""
    folder = tmp_path_factory.mktemp("shop")
    home = open_shop(folder, tmp_path_factory.mktemp("home"), author)
    file = tmp_path_factory.mktemp("sent") / "shop.oci.tar"
    pack(folder, home=home, archive=file)
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Home:
    return Home(tmp_path / "elsewhere")


def test_inspect_says_how_the_package_of_an_archive_is_stored(
    elsewhere: Home, archive: Path
) -> None:
    told = " ".join(run_ketch(elsewhere, "inspect", archive).stdout.decode().split())
    assert "not yet; `ketch verify" in told
    assert "ketch pack" not in told


def test_predict_says_that_an_archive_is_verified_first(elsewhere: Home, archive: Path) -> None:
    done = run_ketch(elsewhere, "predict", archive, "-", stdin=b"{}", status=2)
    assert f"hint: run `ketch verify {archive}`" in done.stderr.decode()
    run_ketch(elsewhere, "verify", archive)
    with ketch.load("shop:1.0.0", home=elsewhere.path) as shop:
        assert len(shop(ROWS)) == 2


def test_load_says_that_a_folder_is_packed_first(elsewhere: Home, tmp_path: Path) -> None:
    (tmp_path / "a shop").mkdir()
    with pytest.raises(UsageError, match=r"found a folder") as caught:
        ketch.load(str(tmp_path / "a shop"), home=elsewhere.path)
    assert f"`ketch pack '{tmp_path}/a shop'`" in str(caught.value.hint)


@pytest.mark.parametrize("nothing", [3, None, b"shop:1.0.0", ["shop"]])
def test_load_refuses_what_cannot_be_a_reference(nothing: object, elsewhere: Home) -> None:
    with pytest.raises(UsageError, match=r"expected a reference such as `shop:1.0.0`"):
        ketch.load(nothing, home=elsewhere.path)  # type: ignore[arg-type] # that is the point


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_archive_is_named_and_to_be_copied_again(
    elsewhere: Home, archive: Path, tmp_path: Path, damage: str
) -> None:
    content, bad = bytearray(archive.read_bytes()), tmp_path / "bad.oci.tar"
    if damage == "cut":
        bad.write_bytes(content[: len(content) * 2 // 3])
    else:
        at = content.index(b"def price")
        content[at] ^= 1
        bad.write_bytes(content)
    done = run_ketch(elsewhere, "verify", bad, status=1)
    told = done.stderr.decode()
    assert f"(at `{bad}" in told
    assert "copy" in told.partition("hint:")[2]


def test_the_declaration_of_a_folder_is_no_package(
    elsewhere: Home, archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "echo").mkdir()
    (tmp_path / "echo" / "ketch.toml").write_text("[package]\n")
    done = run_ketch(elsewhere, "inspect", tmp_path / "echo" / "ketch.toml", status=2)
    assert f"name its folder: `{tmp_path / 'echo'}`" in done.stderr.decode()
    (tmp_path / "notes.txt").write_text("no archive")
    other = run_ketch(elsewhere, "inspect", tmp_path / "notes.txt", status=1)
    assert "expected an archive of a package, found another kind of file" in other.stderr.decode()
    assert str(tmp_path / "notes.txt") in other.stderr.decode()
