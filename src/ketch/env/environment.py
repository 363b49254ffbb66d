"""One environment: a folder, and the marker that says it is whole.

The marker is written last. An environment counts as whole when its marker can be read,
when the distributions in the folder are those that were installed, and when the
interpreter is still the file it was: a system update may replace it under our feet.
Finding that out starts no program.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ketch.env.interpreters import Interpreter
from ketch.env.locking import held
from ketch.errors import ManifestError
from ketch.package.digest import Digest

MARKER = "ketch-environment.json"
"""The file that makes a folder an environment; its time is when someone last asked for it."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Environment:
    """A folder with a Python and everything a lock names.

    Attributes:
        path: The folder.
        lock_digest: Digest of the lock it was made from.
        key: Its name among the environments.
        interpreter: The Python it was made with.
    """

    path: Path
    lock_digest: Digest
    key: str
    interpreter: Interpreter

    @property
    def python(self) -> Path:
        """The program to start."""
        return python_in(self.path)

    @property
    def site_packages(self) -> Path:
        """The folder its distributions are in."""
        minor = self.interpreter.version.rpartition(".")[0]
        return self.path / "lib" / f"python{minor}" / "site-packages"

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep the environment from being collected for as long as this lasts."""
        with held(self.path / MARKER, shared=True):
            yield


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """What is known about an environment without using it.

    Attributes:
        key: Its name among the environments.
        lock_digest: Digest of the lock it was made from.
        python: The exact Python release.
        size_bytes: Size of all its files; much of it is shared with uv's cache.
        packages: Number of distributions in it.
        last_used: When someone last asked for it.
    """

    key: str
    lock_digest: Digest
    python: str
    size_bytes: int
    packages: int
    last_used: datetime


class _Marker(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the marker says; ``binary`` is size and time of the interpreter's file."""

    format: int
    key: str
    lock: str
    interpreter: Interpreter
    binary: tuple[int, int]
    distributions: tuple[str, ...]


def write_marker(environment: Environment) -> None:
    """Declare an environment whole."""
    marker = _Marker(
        format=_FORMAT,
        key=environment.key,
        lock=str(environment.lock_digest),
        interpreter=environment.interpreter,
        binary=_binary(environment),
        distributions=_distributions(environment),
    )
    (environment.path / MARKER).write_bytes(msgspec.json.encode(marker, enc_hook=str))


def read_environment(path: Path) -> Environment | None:
    """Return the environment in a folder, or None unless it is whole."""
    try:
        content = (path / MARKER).read_bytes()
        marker = msgspec.json.decode(content, type=_Marker, dec_hook=_decode_path)
        digest = Digest.parse(marker.lock)
        environment = Environment(path, digest, marker.key, marker.interpreter)
        is_whole = (
            marker.format == _FORMAT
            and marker.binary == _binary(environment)
            and marker.distributions == _distributions(environment)
        )
    except (OSError, msgspec.MsgspecError, ManifestError, UnicodeDecodeError):
        return None
    return environment if is_whole else None


def _decode_path(kind: type, value: object) -> Path:
    if kind is not Path or not isinstance(value, str):
        raise NotImplementedError
    return Path(value)


def _binary(environment: Environment) -> tuple[int, int]:
    status = environment.python.stat()
    return status.st_size, status.st_mtime_ns


def _distributions(environment: Environment) -> tuple[str, ...]:
    names = os.listdir(environment.site_packages)  # noqa: PTH208 (a path object each costs 2 ms)
    return tuple(sorted(name for name in names if name.endswith(".dist-info")))


def python_in(path: Path) -> Path:
    """Return the program of the environment in a folder."""
    return path / "bin" / "python"


def record_of(environment: Environment) -> EnvironmentRecord:
    """Return what is known about an environment."""
    return EnvironmentRecord(
        key=environment.key,
        lock_digest=environment.lock_digest,
        python=environment.interpreter.version,
        size_bytes=size_bytes(environment.path),
        packages=len(_distributions(environment)),
        last_used=last_used(environment.path),
    )


def last_used(path: Path) -> datetime:
    """Return when someone last asked for an environment."""
    return datetime.fromtimestamp((path / MARKER).stat().st_mtime, UTC)


def size_bytes(path: Path) -> int:
    """Return the size of all files under a folder, links not followed."""
    return sum(status.st_size for status in _files(path))


def freed_bytes(path: Path) -> int:
    """Return the size of those files that have no other name, as in uv's cache."""
    return sum(status.st_size for status in _files(path) if status.st_nlink == 1)


def _files(path: Path) -> Iterator[os.stat_result]:
    folders = [os.fspath(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    yield entry.stat(follow_symlinks=False)
