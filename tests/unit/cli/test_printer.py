"""What a verb prints arrives, whatever the terminal and the file system are like."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

KETCH = Path(sys.executable).with_name("ketch")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def ketch(*arguments: str | bytes, home: Path, **variables: str) -> tuple[int, bytes]:
    done = subprocess.run(
        [KETCH, *arguments],
        env={**os.environ, "KETCH_HOME": str(home), **variables},
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_folder_whose_name_is_no_utf_8_is_named_as_json(tmp_path: Path) -> None:
    status, said = ketch("pack", b"/no-such-\xe9", "--json", home=tmp_path)
    problem = json.loads(said)
    assert (status, problem["code"]) == (2, "package/no-folder")
    assert problem["title"] == "no folder `/no-such-\ufffd`"


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"]])
def test_a_terminal_that_knows_only_ascii_is_no_reason_to_fail(
    tmp_path: Path, arguments: list[str]
) -> None:
    home = tmp_path / "størë"
    status, said = ketch(*arguments, home=home, **ASCII)
    assert (status, said.isascii()) == (0, True)


def test_marks_that_a_terminal_lacks_are_written_out(tmp_path: Path) -> None:
    status, said = ketch("doctor", home=tmp_path, **ASCII)
    assert status == 0
    assert rb"\u2713 python" in said
