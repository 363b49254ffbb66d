"""Finding the Python an environment asks for.

Looked at, in this order: the Python that runs ketch, ``PATH``, pyenv's versions (which lie
outside ``PATH``), Pythons that uv installed, and where systems put theirs. A link is
followed to the real program; a pyenv shim is a script, not a Python, and is passed over.
For ``3.11`` the newest release wins; ``3.11.7`` is that release or nothing. When none
fits, uv may fetch one.

Only the chosen interpreter is started, once per process: folder names usually tell the
version of the others, and ``python -V``, which costs 2 ms, tells the rest.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ketch.env.uv import Progress, run_uv
from ketch.errors import KetchError, Unavailable, UsageError

OLDEST = (3, 9)
"""The oldest Python that runs packages; ketch itself needs a newer one."""

_REQUEST = re.compile(r"3\.\d{1,2}(\.\d{1,2})?", re.ASCII)
_NAME = re.compile(r"python3\.\d{1,2}")
_VERSION_IN_PATH = re.compile(r"/(?:cpython-)?(3\.\d{1,2}\.\d{1,2})(?:-[^/]*)?/bin/python3\.\d+$")
_PROBE = """\
import sys
v = sys.version_info
print('.'.join(map(str, v[:3])) if v[3] == 'final' else sys.version.split()[0])
print(sys.implementation.name + getattr(sys, 'abiflags', ''))
print(sys.prefix)
print(sys.base_prefix)
"""
_PROBE_LIMIT_S = 10.0
_SYSTEM_FOLDERS = (Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin"))


@dataclass(frozen=True, slots=True)
class Interpreter:
    """One Python on this machine.

    Attributes:
        path: The program itself, not a link or a shim.
        version: Its exact release, such as ``3.11.7``.
        implementation: ``cpython``; no other is supported yet.
        prefix: Where its library is.
        base_prefix: The same, unless it is a virtual environment's.
    """

    path: Path
    version: str
    implementation: str
    prefix: Path
    base_prefix: Path


_found: dict[tuple[str | None, ...], Interpreter] = {}


def find_python(
    request: str, *, offline: bool = False, progress: Progress | None = None
) -> Interpreter:
    """Return the best interpreter for a request.

    Args:
        request: ``3.11`` (the newest release wins) or ``3.11.7`` (that release).
        offline: Do not let uv fetch a Python that is not here.
        progress: Is told when uv fetches one.

    Raises:
        UsageError: ``env/python-request``: the request is not written like that.
        Unavailable: ``env/python-missing``: there is none, and uv could not fetch one.
    """
    if not _REQUEST.fullmatch(request) or not _is_supported(request):
        raise UsageError(
            f"expected a Python from `3.9` on, such as `3.11` or `3.11.7`, found `{request[:40]}`",
            code="env/python-request",
        )
    key = (request, *map(os.environ.get, ("PATH", "PYENV_ROOT", "UV_PYTHON_INSTALL_DIR", "HOME")))
    known = _found.get(key)
    if known is None or not known.path.exists():
        known = _search(request) or _fetch(request, offline=offline, progress=progress)
        _found[key] = known
    return known


def _search(request: str) -> Interpreter | None:
    """Return the newest interpreter here that fits; the order of the search breaks ties."""
    minor = ".".join(request.split(".")[:2])
    candidates = _candidates(f"python{minor}")
    if request == minor:  # of an exact release, the first will do
        candidates = iter(sorted(candidates, key=lambda one: _release(one[0]), reverse=True))
    for version, path in candidates:
        if not f"{version}.".startswith(f"{request}."):
            continue
        interpreter = _probe(path)
        if interpreter is not None and interpreter.version == version:
            return interpreter
    return None


def _is_supported(version: str) -> bool:
    """Whether a worker runs on it."""
    return _release(version) >= OLDEST


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _candidates(name: str) -> Iterator[tuple[str, Path]]:
    """Yield version and real path of every Python of a name, such as ``python3.11``."""
    running = _running()
    seen = set[Path]()
    if running is not None and f"python{running.version}".startswith(f"{name}."):
        seen.add(running.path)
        yield running.version, running.path
    for folder in _folders():
        path = folder / name
        if not os.access(path, os.X_OK):
            continue
        real = path.resolve()
        if real in seen or _is_script(real):
            continue
        seen.add(real)
        version = _version(real)
        if version is not None:
            yield version, real


def _folders() -> Iterator[Path]:
    home = Path.home()
    for entry in os.environ.get("PATH", "").split(os.pathsep):
        if entry:
            yield Path(entry)
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv", "versions")
    yield from _inside(pyenv, "3.*/bin")
    data = os.environ.get("XDG_DATA_HOME") or home / ".local" / "share"
    managed = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path(data, "uv", "python"))
    yield from _inside(managed, "cpython-3.*/bin")
    yield from _SYSTEM_FOLDERS
    yield home / ".local" / "bin"


def _inside(folder: Path, pattern: str) -> list[Path]:
    """Return what lies in a folder, sorted; nothing where we may not look."""
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _is_script(path: Path) -> bool:
    """Whether a program is a script, as pyenv's shims are."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return True


def _version(path: Path) -> str | None:
    named = _VERSION_IN_PATH.search(path.as_posix())
    if named is not None:
        return named[1]
    said = re.fullmatch(r"Python (3\.\d+\.\d+)\s*", _ask(path, "-V") or "")
    return said[1] if said is not None else None


def _running() -> Interpreter | None:
    """Return the Python that runs ketch, or the one its environment was made from."""
    base = Path(getattr(sys, "_base_executable", None) or sys.executable).resolve()
    flags = getattr(sys, "abiflags", "")
    if sys.implementation.name != "cpython" or flags or sys.version_info.releaselevel != "final":
        return None
    version = ".".join(str(part) for part in sys.version_info[:3])
    prefix = Path(sys.base_prefix)
    return Interpreter(base, version, "cpython", prefix, prefix)


def _probe(path: Path) -> Interpreter | None:
    """Start an interpreter to learn what it is; None unless it is a plain CPython release."""
    running = _running()
    if running is not None and path == running.path:
        return running
    said = (_ask(path, "-I", "-S", "-c", _PROBE) or "").splitlines()
    # Debug and free-threaded builds (`cpythond`, `cpythont`) take other wheels.
    if len(said) != 4 or said[1] != "cpython":
        return None
    return Interpreter(path, said[0], said[1], Path(said[2]), Path(said[3]))


def _ask(path: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            [path, *arguments],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_PROBE_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None


def _fetch(request: str, *, offline: bool, progress: Progress | None) -> Interpreter:
    cause: KetchError | None = None
    if not offline:
        try:
            run_uv(["python", "install", "--no-bin", request], progress=progress)
        except KetchError as error:
            cause = error
        else:
            fetched = _search(request)
            if fetched is not None:
                return fetched
    here = ", ".join(f"`{version}`" for version in _versions_here()) or "none"
    why = f"; uv: {cause.message.removeprefix('uv failed: ')}" if cause is not None else ""
    raise Unavailable(
        f"expected Python `{request}` on this machine, found {here}{why}",
        code="env/python-missing",
        hint=f"install Python {request} (`uv python install {request}`, or pyenv), or ask for"
        " one of these with `[environment] python` in ketch.toml",
    ) from cause


def _versions_here() -> list[str]:
    names = {
        path.name
        for folder in _folders()
        for path in _inside(folder, "python3.*")
        if _NAME.fullmatch(path.name)
    }
    running = _running()
    found = {version for name in names for version, _ in _candidates(name)}
    if running is not None:
        found.add(running.version)
    return sorted(filter(_is_supported, found), key=_release)
