"""Environments: folders made from locks, made once and shared.

An environment's key says everything it depends on: the lock, the exact Python, the
platform and its C library. Packages with the same lock share one environment; nothing
else ever writes to it.

A new environment is built in a folder of its own beside the others and renamed into
place when it is whole, so what stands under a key is complete or is not there: a build
that is killed leaves a folder that no one looks at (:mod:`ketch.env.gc` removes it).
A lock between processes lets one of them build while the others wait. uv links files
from its cache, so ten environments with one numpy hold it once.
"""

import os
import re
import shutil
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp

from ketch.env.environment import (
    MARKER,
    Environment,
    EnvironmentRecord,
    python_in,
    read_environment,
    record_of,
    write_marker,
)
from ketch.env.interpreters import Interpreter, find_python
from ketch.env.lock import LOCK_FILE, Lock
from ketch.env.locking import held
from ketch.env.uv import Progress, run_uv, wheel_options
from ketch.env.whole import check_whole
from ketch.errors import KetchError, Unavailable
from ketch.files import explained

BUILDING, TRASH, LOCKS = ".building-", ".trash-", ".locks"
_KEY = re.compile(r"[0-9a-f]{32}")


class Environments:
    """The environments under one folder.

    Args:
        root: The folder, such as ``KETCH_HOME/envs``; made when first needed.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def ensure(
        self, lock: Lock, *, offline: bool = False, progress: Progress | None = None
    ) -> Environment:
        """Return the environment for a lock, making it when it is not there.

        Args:
            lock: What to install.
            offline: Do not use the network: uv's cache has everything, or it fails.
            progress: Is told, in lines for people, what takes time.

        Raises:
            Unavailable: ``env/python-missing``, ``env/not-cached``, ``env/index-unreachable``,
                ``env/index-denied``, ``env/cut-short`` or ``disk/…``.
            Refused: ``env/no-wheel`` or ``env/build-failed``: not on this machine.
            DigestMismatch: ``env/hash-mismatch``: the index served another file.
        """
        present = self.find(lock)
        if present is not None:
            return present
        key = environment_key(lock)
        with explained(self.root), self._only_builder(key, progress):
            # Someone else may have made it while we waited.
            return self.find(lock) or self._build(lock, key, offline=offline, progress=progress)

    def find(self, lock: Lock) -> Environment | None:
        """Return the environment for a lock if it is there and whole, and note the use.

        It takes about a millisecond and starts no program.
        """
        key = environment_key(lock)
        environment = read_environment(self.root / key)
        if environment is None or (environment.key, environment.lock_digest) != (key, lock.digest):
            return None
        try:
            os.utime(environment.path / MARKER)
        except FileNotFoundError:  # it was collected a moment ago
            return None
        return environment

    def list(self) -> tuple[EnvironmentRecord, ...]:
        """Return a record of every environment, the least recently used first."""
        environments = (read_environment(self.root / key) for key in self.keys())
        records = (record_of(one) for one in environments if one is not None)
        return tuple(sorted(records, key=lambda record: record.last_used))

    def keys(self) -> tuple[str, ...]:
        """Return the names of all environments, sorted; one may turn out broken."""
        if not self.root.is_dir():
            return ()
        return tuple(sorted(p.name for p in self.root.iterdir() if _KEY.fullmatch(p.name)))

    def lock_path(self, key: str) -> Path:
        """Return the file whose lock the builder of an environment holds."""
        folder = self.root / LOCKS
        folder.mkdir(parents=True, exist_ok=True)
        return folder / key

    @contextmanager
    def _only_builder(self, key: str, progress: Progress | None) -> Iterator[None]:
        path = self.lock_path(key)
        with held(path, wait=False) as free:
            if free:
                yield
                return
        if progress is not None:
            progress("waiting for another process that makes the same environment")
        with held(path):
            yield

    def _build(
        self, lock: Lock, key: str, *, offline: bool, progress: Progress | None
    ) -> Environment:
        interpreter = find_python(lock.python, offline=offline, progress=progress)
        if progress is not None:
            count = len(lock.packages)
            progress(f"making an environment: Python {lock.python}, {count} distributions")
        if not offline:
            # Hashes make the cache as good as the index, which uv would ask again.
            with suppress(KetchError):  # the index may have what the cache lacks
                return self._make(lock, key, interpreter, offline=True)
        return self._make(lock, key, interpreter, offline=offline, progress=progress)

    def _make(
        self,
        lock: Lock,
        key: str,
        interpreter: Interpreter,
        *,
        offline: bool,
        progress: Progress | None = None,
    ) -> Environment:
        """Make an environment in a new folder: what uv half-installed, it takes for whole."""
        folder = Path(mkdtemp(prefix=f"{BUILDING}{key}-", dir=self.root))
        try:
            folder.chmod(0o755)
            _fill(folder, lock, interpreter, offline=offline, progress=progress)
            built = Environment(folder, lock.digest, key, interpreter)
            check_whole(built)
            write_marker(built)
            self.discard(key)  # it was broken, or we would not be here
            folder.rename(self.root / key)
        except Unavailable as problem:
            if problem.code.startswith("disk/"):  # uv may not say where
                problem.where = problem.where or str(self.root)
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return replace(built, path=self.root / key)

    def discard(self, key: str) -> None:
        """Remove an environment: first its name, at once, then its files."""
        path = self.root / key
        if not path.exists():
            return
        trash = self.root / f"{TRASH}{token_hex(8)}"
        with explained(path):
            path.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)


def environment_key(lock: Lock) -> str:
    """Return the name of the environment a lock makes on this machine."""
    said = f"ketch environment 1\n{lock.digest}\n{lock.python}\ncpython\n{_platform()}\n"
    return sha256(said.encode()).hexdigest()[:32]


@cache
def _platform() -> str:
    """Return what compiled wheels depend on, such as ``linux-x86_64 glibc 2.36``."""
    try:
        libc = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):  # not a GNU system
        libc = ""
    return f"{sysconfig.get_platform()} {libc}".strip()


def _fill(
    folder: Path,
    lock: Lock,
    interpreter: Interpreter,
    *,
    offline: bool,
    progress: Progress | None,
) -> None:
    """Make the environment's files, able to stand anywhere."""
    venv = ["venv", "--quiet", "--relocatable", "--no-project", "--allow-existing"]
    run_uv([*venv, "--python", interpreter.path, folder], offline=True)
    path = folder / LOCK_FILE
    path.write_text(str(lock.without_inputs()), "utf-8")
    if not lock.packages:
        return
    sync: tuple[str | Path, ...] = (
        *("pip", "sync", "--require-hashes", *wheel_options(lock.source_builds)),
        *("--python", python_in(folder), path),
    )
    run_uv(sync, offline=offline, progress=progress)
