"""What packing did, in words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ketch.authoring import pack
from ketch.cli.authored import packed_text
from ketch.runtime import Home


def test_names_of_files_that_stay_behind_do_nothing_to_the_terminal(
    tmp_path: Path, home: Home, author: Callable[..., Path]
) -> None:
    """What ships has a plain name; what lies beside it may have any."""
    folder = author(
        tmp_path / "shop",
        "def run(model, rows):\n    return rows\n",
        inputs='n = "int64"',
        outputs='n = "int64"',
        scenarios=[{"inputs": {"n": 1}, "expected": {"n": 1}}],
        files={"notes\x1b[31m\n.txt": "", **{f"part-{n}.txt": "" for n in range(9)}},
    )
    text = packed_text(pack(folder, home=home, verified=False))
    assert text.splitlines()[-1].startswith("  left out  notes\ufffd[31m\ufffd.txt, part-0.txt, ")
    assert text.endswith(" and 2 more")
