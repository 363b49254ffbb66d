"""The grammar of paths inside a package."""

from pathlib import Path

import pytest

from ketch.errors import ManifestError
from ketch.package.paths import PackagePath, check_path, clashes, printable


@pytest.mark.parametrize(
    "text",
    [
        *("pipeline.py", "model/weights.bin", "src/shop/__init__.py", "_private.py", "0.bin"),
        *("model/variables.data-00000-of-00001", "model/a b, c=1 @2+3.bin", "a/" * 15 + "b"),
        *("x" * 128, "console.txt", "com.example", "auxiliary"),
    ],
)
def test_ordinary_paths_are_right(text: str) -> None:
    assert check_path(text) == ()
    assert str(PackagePath.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "/etc/passwd", "a//b", "a/", "..", "../a", "a/../b", ".", "a/./b", "./a"),
        *(".env", "a/.git/config", "-rf", " a", "a ", "a.", "a./b", "a\\b", "C:/a", "C:a", "a:b"),
        *("a\nb", "a\0", "a\x7f", "a\x1b[0m", "ä", "a\u202eb", "\ud800", "a%2e", "a*", "a?", "a|b"),
        *("nul", "NUL.txt", "con", "aux.py", "COM1", "lpt9.tar.gz", "nul .txt", "model/prn"),
        *("x" * 129, "a/" * 16 + "b", "/".join(["y" * 100] * 6)),
    ],
)
def test_other_paths_are_refused_each_with_a_hint(text: str) -> None:
    findings = check_path(text)
    assert {finding.code for finding in findings} == {"package/path-syntax"}
    assert all(finding.hint for finding in findings)
    with pytest.raises(ManifestError):
        PackagePath.parse(text)


def test_everything_wrong_with_a_path_is_said_at_once() -> None:
    messages = [finding.message for finding in check_path("../.env/NUL.txt")]
    assert len(messages) == 3
    with pytest.raises(ManifestError) as caught:
        PackagePath.parse("../.env/NUL.txt", where="files[3]")
    assert [finding.where for finding in caught.value.findings] == ["files[3]"] * 3


def test_a_path_is_laid_out_below_a_folder() -> None:
    path = PackagePath.parse("model/weights.bin")
    assert path.under(Path("/srv/x")) == Path("/srv/x/model/weights.bin")
    assert path.name == "weights.bin"


@pytest.mark.parametrize(
    ("paths", "where"),
    [
        (["a.bin", "A.bin"], ["A.bin"]),
        (["model/a", "Model/b"], ["Model"]),
        (["model", "model/a"], ["model"]),
        (["model/a", "model"], ["model"]),
        (["a", "a"], ["a"]),
        (["a", "b", "A", "B"], ["A", "B"]),
    ],
)
def test_names_that_are_one_on_some_system_clash(paths: list[str], where: list[str]) -> None:
    findings = clashes(paths)
    assert [finding.where for finding in findings] == where
    assert {finding.code for finding in findings} == {"package/path-clash"}


def test_files_of_one_folder_do_not_clash() -> None:
    assert clashes(["model/a", "model/b", "model/c/a", "a"]) == ()


def test_shown_text_holds_no_control_characters() -> None:
    assert printable("a\x1b\n\u202eb") == "a\ufffd\ufffd\ufffdb"
    assert len(printable("x" * 1000)) == 120
