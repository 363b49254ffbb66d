"""The unit files of the guide are files that systemd takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[4] / "docs/how-to/run-with-systemd.md"
KETCH = "/opt/ketch/bin/ketch"


def verified(folder: Path, change: tuple[str, str] = ("", "")) -> str:
    """Return what systemd says of the files in the guide, with something else changed."""
    found = re.findall(
        r"`/etc/systemd/system/(\S+)`:\n\n```ini\n(.*?)```", GUIDE.read_text(), re.DOTALL
    )
    assert [name for name, _ in found] == ["ketch-serve.socket", "ketch-serve.service"]
    for name, text in found:
        assert change[0] in text or name.endswith("socket")
        (folder / name).write_text(text.replace(KETCH, sys.executable).replace(*change))
    files = [str(folder / name) for name, _ in found]
    command = ["systemd-analyze", "verify", "--recursive-errors=no", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.stderr


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_takes_the_unit_files_of_the_guide(tmp_path: Path) -> None:
    assert verified(tmp_path) == ""
    assert "KilMode" in verified(tmp_path, ("KillMode=", "KilMode="))
