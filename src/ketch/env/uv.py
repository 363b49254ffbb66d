"""The one place that calls uv.

uv runs as an argument list, never through a shell, in the caller's own environment: its
index, proxy, certificate and cache settings are the user's business, as are ``uv.toml``
of the user and of the machine. A package names no index, so uv never reads settings from
a package's folder, nor from a shared temporary folder where someone else may have left
some: it works in an empty folder of its own.

What uv says goes to ``progress`` line by line; when it fails, its words become one of:

=========================  ===============  ===============================================
code                       error            when
=========================  ===============  ===============================================
``env/uv-missing``         Unavailable      the ``uv`` program is not installed
``env/hash-mismatch``      DigestMismatch   a file is not what the lock says
``env/not-cached``         Unavailable      offline, and uv's cache lacks a file
``env/index-denied``       Unavailable      the index wants other credentials
``env/index-unreachable``  Unavailable      the index does not answer
``disk/full``              Unavailable      no space left
``disk/io-error``          Unavailable      the disk failed to read or write
``env/build-failed``       Refused          a source build was allowed, and failed
``env/no-wheel``           Refused          a distribution has no wheel that fits
``env/no-solution``        Refused          the requirements contradict each other
``env/uv-lock-stale``      Refused          ``uv.lock`` does not match ``pyproject.toml``
``env/uv-failed``          Unavailable      anything else, in uv's own words
=========================  ===============  ===============================================
"""

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.errors import DigestMismatch, KetchError, Refused, Unavailable
from ketch.files import temporary_folder

Progress = Callable[[str], None]
"""Is told, in one line each time, what is being done; for people."""

SourceBuilds = bool | tuple[str, ...]
"""What may be built from source: everything, nothing, or the distributions named."""

# They would point uv at another interpreter, folder or project than ketch names.
_DROPPED = frozenset(
    {
        "UV_BREAK_SYSTEM_PACKAGES",
        "UV_PROJECT",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_WORKING_DIR",
        "UV_WORKING_DIRECTORY",
        "VIRTUAL_ENV",
    }
)
_ADDED = {"NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
_LEASH = Path(__file__).with_name("leash.py")
_LINES_KEPT = 400
_LONGEST_REASON = 600
_OF_PYTHON = re.compile(r"\{python_(?:full_)?version[^{}]*\}")
"""A condition in uv's words; the Python is one, and the requirement is read without it."""


def run_uv(
    arguments: Sequence[str | Path],
    *,
    offline: bool = False,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> None:
    """Run uv to its end.

    Args:
        arguments: What follows ``uv`` on its command line.
        offline: Forbid the network: uv answers from its cache or fails.
        folder: Where uv works; an empty folder without it, so that no settings are found.
        progress: Is told what uv prints, line by line.

    Raises:
        KetchError: uv failed; the table above says as what.
    """
    command = [_find_uv(), *(str(one) for one in arguments)]
    if offline:
        command.append("--offline")
    with _working_folder(folder) as cwd:
        status, said = _run(command, cwd, progress)
    if status != 0:
        raise failure(said, status, offline=offline)


def cache_folder() -> Path:
    """Return where uv keeps what it has fetched; the folder may not be there yet.

    Raises:
        Unavailable: uv is not installed, or does not say.
    """
    with _working_folder(None) as cwd:
        said = subprocess.run(
            [_find_uv(), "cache", "dir"],
            cwd=cwd,
            env=_environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if said.returncode != 0:
        raise failure(said.stderr, said.returncode)
    return Path(said.stdout.strip())


def _find_uv() -> str:
    from uv import find_uv_bin  # only where uv runs: `ketch list` has no use for it

    try:
        return find_uv_bin()
    except FileNotFoundError as error:
        raise Unavailable(
            "expected the `uv` program beside ketch, found none",
            code="env/uv-missing",
            hint="install ketch again, with its dependencies",
        ) from error


@contextmanager
def _working_folder(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    with temporary_folder("ketch-uv-") as empty:
        # uv looks for settings in parent folders too, unless it finds some here.
        (empty / "uv.toml").touch()
        yield empty


def _run(command: list[str], cwd: Path, progress: Progress | None) -> tuple[int, str]:
    """Return uv's exit status and the last lines it said."""
    said: deque[str] = deque(maxlen=_LINES_KEPT)
    with subprocess.Popen(
        [*_leash(), *command],
        cwd=cwd,
        env=_environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            for line in process.stderr or ():
                said.append(line.rstrip())
                if progress is not None and not line.startswith("Using Python"):
                    progress(line.rstrip())
        except BaseException:
            process.kill()
            raise
    return process.returncode, "\n".join(said)


def _leash() -> list[str]:
    """Return what makes a program end with this process, also when that is killed."""
    if sys.platform != "linux" or not sys.executable:
        return []
    return [sys.executable, "-I", "-S", str(_LEASH), str(os.getpid())]


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in own.items() if name not in _DROPPED}
    return kept | _ADDED


def wheel_options(source_builds: SourceBuilds) -> list[str]:
    """Return uv's options for what may be built from source.

    A distribution that is named is always built from source: uv has no way to say "its
    wheel, or else its source" for one distribution and "only wheels" for the others.
    """
    if source_builds is True:
        return []
    options = ["--only-binary", ":all:"]
    for name in source_builds or ():
        options += ["--no-binary", name]
    return options


@dataclass(frozen=True, slots=True)
class _Kind:
    """One way uv fails: how its words look, and what we make of them."""

    pattern: re.Pattern[str]
    error: type[KetchError]
    code: str
    message: str
    hint: str | None = None


def _kind(
    pattern: str, error: type[KetchError], code: str, message: str, hint: str | None = None
) -> _Kind:
    return _Kind(re.compile(pattern), error, code, message, hint)


_UNHEARD_OF = "there is no version of"
_NOT_CACHED = _kind(
    r"network was disabled|[Nn]etwork connectivity is disabled",
    Unavailable,
    "env/not-cached",
    "a distribution is not in uv's cache, and the network is off",
    "run once without `--offline`, on a machine that reaches the index",
)

# The first that matches counts: a failure to fetch may also say "No solution found".
_KINDS = (
    _kind(
        r"Hash mismatch for",
        DigestMismatch,
        "env/hash-mismatch",
        "a distribution is not the file that was locked",
        "the index, or something on the way to it, served other content; do not install it",
    ),
    _NOT_CACHED,
    _kind(
        r"could not be queried due to|authentication credentials|status client error \(40[13]",
        Unavailable,
        "env/index-denied",
        "the package index refused these credentials",
        "configure the index of uv: its `uv.toml`, keyring or `UV_INDEX_*` variables",
    ),
    _kind(
        r"Failed to fetch|error sending request|Request failed after|dns error",
        Unavailable,
        "env/index-unreachable",
        "the package index does not answer",
        "check the network and the index configured for uv; with a warm cache, `--offline` works",
    ),
    _kind(
        r"No space left on device|os error 28\b",
        Unavailable,
        "disk/full",
        "no space left to build the environment",
        "free some space, or remove environments that are not used",
    ),
    _kind(
        r"Input/output error|os error 5\b",
        Unavailable,
        "disk/io-error",
        "the disk failed to read or write",
        "look at the kernel log before trying again",
    ),
    _kind(
        r"Failed to build|[Bb]uild backend failed|Call to `[\w.]*build_",
        Refused,
        "env/build-failed",
        "a distribution could not be built from source",
        "choose a version that has a wheel for this Python and platform",
    ),
    _kind(
        r"no usable wheels|no wheels with|compatible wheels|building from source is disabled",
        Refused,
        "env/no-wheel",
        "the environment cannot be built from wheels",
        "choose versions that have wheels, or allow source builds with"
        " `[environment] allow_source_builds`",
    ),
    _kind(
        r"lockfile at .* needs to be updated|[Uu]nable to find lockfile",
        Refused,
        "env/uv-lock-stale",
        "`uv.lock` does not match `pyproject.toml`",
        "run `uv lock`",
    ),
    _kind(
        r"No solution found|unsatisfiable|conflicting",
        Refused,
        "env/no-solution",
        "no set of versions satisfies the requirements",
    ),
)


def failure(said: str, status: int, *, offline: bool = False) -> KetchError:
    """Return the error that uv's own words amount to.

    Without the network uv may take what its cache lacks for a version that does not exist.
    """
    reason = _reason(said) or f"uv ended with status {status}"
    for kind in _KINDS:
        if kind.pattern.search(said) or (offline and kind is _NOT_CACHED and _UNHEARD_OF in said):
            return kind.error(f"{kind.message}: {reason}", code=kind.code, hint=kind.hint)
    return Unavailable(f"uv failed: {reason}", code="env/uv-failed")


def _reason(said: str) -> str:
    """Return why uv failed, in one line: what stands after ``error:`` and ``cause:``."""
    text = said[said.rfind("\nerror: ") + 1 :]  # progress and warnings come before
    text = re.split(r"\n\s*hint:", text)[0]
    parts = [" ".join(part.split()) for part in re.split(r"(?:^|\n)\s*(?:error|cause):", text)]
    said_once = list(dict.fromkeys(part for part in parts if part))
    if said_once and said_once[0].startswith("No solution found"):
        said_once = said_once[1:] or said_once  # the message says so already
    reason = _OF_PYTHON.sub("", ": ".join(said_once))
    if len(reason) <= _LONGEST_REASON:
        return reason
    half = _LONGEST_REASON // 2  # the first cause and the conclusion say most
    first, last = reason[:half].rpartition(" ")[0], reason[-half:].partition(" ")[2]
    return f"{first} … {last}"
