"""A folder in which ketch works, and everything that may be wrong with it after a fault.

::

    FOLDER/
    ├── home/      the ketch home: `shop:0.9.0` is packed and verified
    ├── project/   the folder of `shop:1.0.0`, which needs another environment
    ├── out/       for `ketch pack -o`
    └── tmp/       TMPDIR

It is made once; each attempt gets a copy. The package index is a folder of wheels, so that
real uv runs without a network.
"""

from __future__ import annotations

import hashlib
import os
import platform
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from tests.faults.harness import Work

from ketch.env import Environments
from ketch.env.bytecode import KNOWN
from ketch.env.environment import MARKER, read_environment
from ketch.package import Digest, open_package
from ketch.runtime import Home, clean_up
from ketch.store import MemoryStore, attestations, fsck, read_archive
from ketch.store.locks import abandoned

KETCH = Path(sys.executable).with_name("ketch")
OLD, NEW = "shop:0.9.0", "shop:1.0.0"
LOCK = "requirements.lock"
NONE = Digest("0" * 64)
MOST_LEFT = 3  # what one killed command may leave: a staging, a room, an environment

TOML = """
[package]
name = "shop"
version = "{version}"
owner = "growth@shop.example"
[pipeline]
load = "pipeline:load"
steps = ["pipeline:price"]
[environment]
python = "{python}"
[inputs]
size = "int64"
[outputs]
price = "float64"
[data.sales]
source = "s3://shop/sales/"
sample = "samples/sales.csv"
ship = true
"""
PIPELINE = """
from pathlib import Path

import tiny
import tiny.rates


def load(model_dir, params):
    return float(Path(model_dir, "rate.txt").read_text()) * tiny.rates.RATE


def price(model, rows):
    return [{"price": row["size"] * model} for row in rows]
"""
SCENARIO = '{{"name": "{name}", "inputs": {{"size": {size}}}, "expected": {{"price": {price}}}}}\n'


class Workplace:
    """The folder that attempts are copies of, and what they have to come to.

    Args:
        folder: Where to make it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.template = folder / "template"
        for part in ("index", "uv-cache", "template/project", "template/out", "template/tmp"):
            (folder / part).mkdir(parents=True)
        for version in ("1.0", "2.0"):
            _write_wheel(folder / "index", version)
        settings = f'no-index = true\nfind-links = ["{folder / "index"}"]\n'
        (folder / "uv.toml").write_text(settings)
        write_project(self.template / "project", "0.9.0", "tiny==1.0")
        self.ketch(self.template, "pack", "project")
        (self.template / "project" / LOCK).unlink()
        write_project(self.template / "project", "1.0.0", "tiny==2.0")
        self.old = _digest(self.template, OLD) or NONE

    @cached_property
    def finished(self) -> Path:
        """A copy in which everything was done, to compare with."""
        folder = self._folder / "finished"
        self.copy(folder)
        self.ketch(folder, "pack", "project", "-o", "out/shop.tar")
        return folder

    def copy(self, folder: Path) -> None:
        """Make one more workplace."""
        folder.mkdir(parents=True)
        subprocess.run(["cp", "-a", f"{self.template}/.", folder], check=True)

    def ketch(self, folder: Path, *arguments: str) -> None:
        """Run a verb of ketch that has to succeed."""
        self.run(folder, KETCH, *arguments)

    def run(self, folder: Path, *command: str | Path) -> None:
        """Run a command that has to succeed."""
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **self.variables(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def variables(self, folder: Path) -> Mapping[str, str]:
        """Return the environment variables of a command in a workplace."""
        return {
            "KETCH_HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "UV_CACHE_DIR": str(self._folder / "uv-cache"),
            "UV_CONFIG_FILE": str(self._folder / "uv.toml"),
        }

    def wrong(self, folder: Path, *, files: bool = True) -> Iterator[str]:
        """Yield what is wrong with a workplace, however its commands ended.

        Args:
            folder: The workplace.
            files: Also look at the user's own files.
        """
        home = Home(folder / "home")
        for finding in fsck(home.store).findings:
            if finding.blocks:
                yield f"{finding.code} at {finding.where}: {finding.message}"
        for name, descriptor in home.store.tags().items():
            open_package(descriptor.digest, home.store).verify_bytes()
            expected = self.old if name == OLD else self.new
            if descriptor.digest != expected:
                yield f"expected `{name}` to be `{expected}`, found `{descriptor.digest}`"
        if home.store.resolve(OLD) is None:
            yield f"`{OLD}` is lost"
        if not any(one.passed for one in attestations(self.old, home.store)):
            yield f"the attestation of `{OLD}` is lost"
        yield from self._environments(home.environments)
        if files:
            yield from self._files(folder)

    def wrong_after(self, folder: Path) -> Iterator[str]:
        """Yield what is wrong once `shop:1.0.0` was packed: it, and whatever was left behind."""
        home = Home(folder / "home")
        if _digest(folder, NEW) != self.new:
            yield f"`{NEW}` is not in the store"
        left = leftovers(folder)
        if len(left) > MOST_LEFT:
            yield f"more left over than one killed command leaves: {left}"
        clean_up(home, now=datetime.now(UTC) + timedelta(hours=2))
        if left := leftovers(folder):
            yield f"not collected: {left}"
        yield from self.wrong(folder)

    @property
    def new(self) -> Digest:
        """The digest that packing the project has to have, whatever came before."""
        return _digest(self.finished, NEW) or NONE

    def _environments(self, environments: Environments) -> Iterator[str]:
        """Whatever counts as an environment has every file of one that was never disturbed."""
        for key in environments.keys():  # noqa: SIM118 - not a mapping
            if read_environment(environments.root / key) is None:
                yield f"the environment {key} is broken"
            elif (found := listing(environments.root / key)) != self._listings[key]:
                differ = sorted(set(found.items()) ^ set(self._listings[key].items()))
                yield f"the environment {key} is not whole: {differ}"

    @cached_property
    def _listings(self) -> dict[str, dict[str, str]]:
        environments = Home(self.finished / "home").environments
        return {key: listing(environments.root / key) for key in environments.keys()}  # noqa: SIM118

    def _files(self, folder: Path) -> Iterator[str]:
        """The user's own files are as they were, or as they have to become."""
        before, after = listing(self.template / "project"), listing(self.finished / "project")
        found = listing(folder / "project")
        for path, content in found.items():
            is_part = path.endswith(".part") and Path(path).name.startswith(".")
            if not is_part and content not in {before.get(path), after.get(path)}:
                yield f"project/{path} is neither as before nor as it has to be"
        for path in before.keys() - found.keys():
            yield f"project/{path} is lost"
        archive = folder / "out" / "shop.tar"
        if archive.exists():
            roots = [root.digest for _, root in read_archive(archive, MemoryStore()).roots]
            if roots != [self.new]:
                yield f"the archive holds {roots}"


def pack_work(workplace: Workplace, *options: str, prepare: Sequence[str] = ()) -> Work:
    """Return the work of packing the project.

    Args:
        workplace: Where.
        options: Of ``ketch pack``; ``{}`` stands for the folder.
        prepare: Parts of the finished workplace that are there before: ``lock`` and
            ``environment``.
    """

    def prepared(folder: Path) -> None:
        workplace.copy(folder)
        if "lock" in prepare:
            lock = (workplace.finished / "project" / LOCK).read_bytes()
            (folder / "project" / LOCK).write_bytes(lock)
        if "environment" in prepare:
            source = workplace.finished / "home" / "envs"
            subprocess.run(["cp", "-a", f"{source}/.", folder / "home" / "envs"], check=True)

    def argv(folder: Path) -> list[str | Path]:
        return [KETCH, "pack", folder / "project", *(one.format(folder) for one in options)]

    def check(folder: Path, finished: bool) -> list[str]:  # noqa: FBT001 - as the harness calls it
        wrong = [*workplace.wrong(folder), *(workplace.wrong_after(folder) if finished else ())]
        if finished and "--no-verify" not in options:
            store = Home(folder / "home").store
            if not any(one.passed for one in attestations(workplace.new, store)):
                wrong.append("verified, but without an attestation")
        if finished and "-o" in options and not (folder / "out" / "shop.tar").exists():
            wrong.append("no archive")
        return wrong

    return Work(argv, check, prepared, workplace.variables)


def leftovers(folder: Path) -> list[str]:
    """Return what killed commands left in a workplace, in the home and in the user's folders."""
    home = Home(folder / "home")
    left = list(abandoned(home.store.layout.temporary))
    left += home.environments.root.glob(".[!l]*")
    left += (home.path / "run").glob("*")
    left += [*(folder / "project").rglob(".*.part"), *(folder / "out").glob(".*")]
    left += [*home.path.glob(".*"), *home.path.glob("*/.*.part")]
    return [str(path.relative_to(folder)) for path in left]


def write_project(folder: Path, version: str, requirement: str) -> None:
    """Write the folder of a package whose code needs a library."""
    seeded = random.Random(7)
    tiny = float(requirement.partition("==")[2])
    prices = [(size, size * 1.5 * tiny) for size in range(3)]
    contents: dict[str, bytes] = {
        "ketch.toml": TOML.format(version=version, python=platform.python_version()).encode(),
        "README.md": b"# shop\n\nPrices by size.\n",
        "pipeline.py": PIPELINE.encode(),
        "requirements.txt": f"{requirement}\n".encode(),
        "scenarios/all.jsonl": "".join(
            SCENARIO.format(name=f"s{size}", size=size, price=price) for size, price in prices
        ).encode(),
        "samples/sales.csv": b"size,price\n" + b"3,1.5\n" * 200,
        "model/rate.txt": b"1.5",
        "model/weights.bin": seeded.randbytes(1_200_000),
    }
    for path, content in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (0, 0))  # old enough for the cache of digests


def _write_wheel(index: Path, version: str) -> None:
    info = f"tiny-{version}.dist-info"
    contents = {
        "tiny/__init__.py": f"VERSION = '{version}'\n",
        "tiny/rates.py": f"RATE = {version}\n",
        "tiny/table.csv": "a,b\n" * 500,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\ntiny = tiny:main\n",
    }
    contents[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    with zipfile.ZipFile(index / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
        for path, content in contents.items():
            wheel.writestr(path, content)


def _digest(folder: Path, name: str) -> Digest | None:
    found = Home(folder / "home").store.resolve(name)
    return found.digest if found else None


def size_kib(folder: Path) -> int:
    """Return how much of a disk a folder takes."""
    said = subprocess.run(["du", "-sk", folder], check=True, capture_output=True, text=True)
    return int(said.stdout.split()[0])


def listing(folder: Path) -> dict[str, str]:
    """Return the content of every file below a folder, but for what says times and uses."""
    ignored = {MARKER, KNOWN, ".lock"}  # uv does without its lock
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ignored and ".pyc" not in path.name
    }
