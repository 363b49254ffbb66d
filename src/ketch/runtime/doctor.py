"""Looking over this machine: what works, what is missing, and what to do about it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ketch.env import find_python
from ketch.errors import KetchError
from ketch.runtime.home import Home
from ketch.runtime.sandbox import probe_layers

PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
LOW_DISK_BYTES = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Attributes:
        name: What it is.
        ok: Whether it is as it should be.
        detail: What was found.
        hint: What to do when it is not.
        required: Whether ketch can work without.
    """

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    required: bool = False

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch doctor --json``."""
        return {
            "name": self.name,
            "ok": self.ok,
            "detail": self.detail,
            "hint": self.hint,
            "required": self.required,
        }


def examine(home: Home) -> list[Check]:
    """Look over this machine, without changing anything but a temporary file."""
    return [_python(), _uv(), *_interpreters(), *_sandbox(), *_home(home)]


def _python() -> Check:
    running = ".".join(str(part) for part in sys.version_info[:3])
    return Check("python", True, f"ketch runs on {running} at {sys.executable}")


def _uv() -> Check:
    try:
        return Check("uv", True, f"version {version('uv')}", required=True)
    except PackageNotFoundError:
        hint = "install ketch again, with its dependencies"
        return Check("uv", False, "not installed beside ketch", hint, required=True)


def _interpreters() -> Iterator[Check]:
    found = []
    for request in PYTHONS:
        try:
            found.append(find_python(request, offline=True).version)
        except KetchError:
            continue
    listed = ", ".join(found) or "none"
    hint = "uv fetches an interpreter when a package needs one and the network allows"
    yield Check("interpreters", bool(found), f"for packages: {listed}", hint)


def _sandbox() -> Iterator[Check]:
    try:
        layers = probe_layers()
    except KetchError as problem:
        yield Check("sandbox", False, problem.message, problem.hint)
        return
    for layer in layers:
        hint = "packages run without this layer here; a newer Linux kernel may have it"
        yield Check(f"sandbox: {layer.layer}", layer.active, layer.detail, hint)


def _home(home: Home) -> Iterator[Check]:
    try:
        home.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=home.path):
            pass
    except OSError as problem:
        hint = "set KETCH_HOME to a folder that can be written"
        yield Check("home", False, f"{home.path}: {problem.strerror}", hint, required=True)
        return
    yield Check("home", True, str(home.path), required=True)
    free = shutil.disk_usage(home.path).free
    hint = "`ketch gc` frees what no package needs"
    yield Check("disk", free > LOW_DISK_BYTES, f"{free / 1e9:.1f} GB free", hint)
