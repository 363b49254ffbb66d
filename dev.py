#!/usr/bin/env python3
"""Sets up this checkout and runs a recipe of the justfile; needs only Python and pip.

    python3 dev.py demo     play the story on real retail data
    python3 dev.py test     everything that must hold: lint, types, imports, tests, docs
    python3 dev.py RECIPE   any other recipe; without one, they are listed

Everything lands in .tools/ (uv) and .venv/ (the locked dependencies) of the checkout.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLS = HERE / ".tools"
VENV = HERE / ".venv"
LOCK = HERE / "requirements" / "dev.txt"
STAMP = VENV / "ketch-dev.sha256"


def main() -> int:
    """Set up, then run the recipe named on the command line."""
    if sys.version_info < (3, 11):
        print(f"ketch needs Python 3.11 or newer; this is {sys.version.split()[0]}")
        return 2
    set_up()
    recipe = sys.argv[1:] or ["--list"]
    status = subprocess.call([VENV / "bin" / "just", *recipe], cwd=HERE, env=environment())
    if recipe == ["demo"] and shutil.which("ketch") is None:
        print("first, so that your shell finds ketch:", file=sys.stderr)
        print(f'  export PATH="{VENV / "bin"}:$PATH"', file=sys.stderr)
    return status


def set_up() -> None:
    """Install the locked dependencies and ketch itself, unless they are there already."""
    wanted = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("setting up .venv …", file=sys.stderr)
    uv = find_uv()
    python = VENV / "bin" / "python"
    call(uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, VENV)
    call(uv, "pip", "sync", "--quiet", "--require-hashes", "--python", python, LOCK)
    editable = ("--no-deps", "--no-build-isolation", "--editable", HERE)
    call(uv, "pip", "install", "--quiet", "--python", python, *editable)
    call(python, "-m", "compileall", "-q", "-j", "0", VENV / "lib")
    STAMP.write_text(wanted)


def find_uv() -> Path:
    """Return uv, fetched with pip into .tools/ the first time."""
    uv = TOOLS / "bin" / "uv"
    if not uv.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        call(*pip, "--target", TOOLS, "uv>=0.13")
    return uv


def environment() -> dict[str, str]:
    """Return the caller's environment with the checkout's programs first on PATH."""
    path = os.pathsep.join([str(VENV / "bin"), os.environ.get("PATH", "")])
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**clean, "PATH": path, "VIRTUAL_ENV": str(VENV)}


def call(*argv: object) -> None:
    """Run a program to its good end."""
    subprocess.run([str(part) for part in argv], check=True, cwd=HERE)


if __name__ == "__main__":
    sys.exit(main())
