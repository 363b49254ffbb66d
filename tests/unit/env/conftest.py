"""A package index in a folder, so that real uv runs here without a network."""

from __future__ import annotations

import hashlib
import platform
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from ketch.env import Lock, LockedPackage, make_lock


class Index:
    """Wheels in a folder that uv is told to look in, and nowhere else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        name: str,
        version: str = "1.0",
        *,
        files: Mapping[str, str] | None = None,
        requires: Sequence[str] = (),
        tag: str = "py3-none-any",
    ) -> str:
        """Make a wheel; return its SHA-256 as hex."""
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        contents = dict(files if files is not None else {f"{name}.py": f"VERSION = {version!r}\n"})
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        contents[f"{info}/METADATA"] = "\n".join(
            [*lines, *(f"Requires-Dist: {one}" for one in requires), ""]
        )
        contents[f"{info}/WHEEL"] = (
            f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n"
        )
        record = [f"{path},{_digest(text)},{len(text)}" for path, text in contents.items()]
        contents[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""])
        path = self.folder / f"{name.replace('-', '_')}-{version}-{tag}.whl"
        with ZipFile(path, "w") as archive:
            for member, text in contents.items():
                archive.writestr(member, text)
        return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(text: str) -> str:
    raw = hashlib.sha256(text.encode()).digest()
    return f"sha256={urlsafe_b64encode(raw).rstrip(b'=').decode()}"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    folder = tmp_path / "index"
    folder.mkdir()
    settings = tmp_path / "uv-settings.toml"
    settings.write_text(f'no-index = true\nfind-links = ["{folder}"]\n')
    monkeypatch.setenv("UV_CONFIG_FILE", str(settings))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return Index(folder)


@pytest.fixture
def tiny_lock(index: Index, running_python: str) -> Lock:
    """A lock of one distribution, `tiny`, that the index has."""
    digest = index.add("tiny")
    return make_lock(running_python, [LockedPackage("tiny", "1.0", "", (digest,))])


@pytest.fixture
def running_python() -> str:
    return platform.python_version()
