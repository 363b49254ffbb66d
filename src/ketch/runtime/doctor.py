"""Looking over this machine: what works, what is missing, and what to do about it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from ketch.env import find_python
from ketch.env.uv import cache_folder
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
        hint: What to do; told only when it is not.
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
            "hint": None if self.ok else self.hint,
            "required": self.required,
        }


def examine(home: Home) -> list[Check]:
    """Look over this machine; nothing is changed, but the home is made if it can be."""
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
    yield _links(home)
    free = shutil.disk_usage(home.path).free
    hint = "`ketch gc` frees what no package needs"
    yield Check("disk", free > LOW_DISK_BYTES, f"{free / 1e9:.1f} GB free", hint)


def _links(home: Home) -> Check:
    """Environments hold links to uv's cache where they can, which costs no time and no room."""
    try:
        cache = cache_folder()
        probe = next(folder for folder in (cache, *cache.parents) if folder.exists())
        linked = probe.stat().st_dev == home.path.stat().st_dev
    except (KetchError, OSError) as problem:
        return Check("links", False, f"uv does not tell where its cache is: {problem}")
    detail = f"uv's cache is {cache}"
    hint = "set UV_CACHE_DIR to a folder on the filesystem of the home: copies take longer"
    return Check("links", linked, detail if linked else f"{detail}, on another filesystem", hint)
