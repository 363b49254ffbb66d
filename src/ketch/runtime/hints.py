"""What to do about an exception of package code, where the exception shows it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ketch.runtime.protocol import Failure

_NAMED = 5

_MODULE = re.compile(r"No module named '(?P<name>[A-Za-z_][\w.]*)'")
_NETWORK = (
    "the sandbox, in which packages run, has no network: ship below `model/` what the code "
    "fetches, or write `network = true` under `[environment]` in ketch.toml"
)
_PROGRAM = (
    "the sandbox, in which packages run, starts no programs: do it with a library, or do it "
    "before and ship what comes of it"
)
_SHARED = (
    "the sandbox, in which packages run, has no memory that processes share: use threads, or "
    "one process (`n_jobs=1`)"
)
_FILE = (
    "the sandbox, in which packages run, lets code read the files of its package and "
    "environment alone, also as root, and write to its temporary folder (`tempfile`): ship what "
    "it reads below `model/`, which `load(model_dir, params)` receives, or declare it as data"
)

_MISSING = (
    "fill the value before the last step returns it, or let the output be null: "
    "`nullable = true` in ketch.toml"
)

_NO_VALUE = re.compile(r"found `(nan|None|NaT|<NA>)`")

# What begins at the margin of a traceback names an exception: the last, and those before it.
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:: .*)?$", re.MULTILINE)
_NAMES = re.compile(
    "name resolution|name or service not known|getaddrinfo|nodename nor servname"
    "|NameResolutionError|NewConnectionError",
    re.IGNORECASE,
)
_CONNECTING = re.compile(r"socket\.py|socket\.socket|socketpair|asyncio")
_STARTING = re.compile(r"subprocess\.py|posix_spawn|os\.exec|os\.spawn")
_SHARING = re.compile(r"SemLock|shared_memory|shm_open")
_NOT_PERMITTED = re.compile(r"errno 1\b|operation not permitted", re.IGNORECASE)
_DENIED = re.compile(
    r"errno 13\b|error number 13\b|permission denied|unable to open database file", re.IGNORECASE
)
_TORN = re.compile(
    "EOFError|pickle data was truncated|BadZipFile|central directory|EOF: reading array"
    "|Protobuf parsing failed|unexpected end of|IncompleteMetadata|MetadataIncompleteBuffer",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a package was allowed as its code raised.

    Attributes:
        layers: The layers of its sandbox that were up.
        network: Whether it may open connections.
        model_dir: Where its trained files lie.
    """

    layers: Collection[str] = ()
    network: bool = False
    model_dir: Path | None = None

    def hint(self, op: str, failure: Failure) -> str | None:
        """Return what to do about an exception; None when that cannot be told from here.

        Args:
            op: What the worker was asked, such as ``load``.
            failure: What was raised.
        """
        if failure.type == "ModuleNotFoundError":
            return _library(failure.message)
        if failure.type == "OutputError":
            return _MISSING if _NO_VALUE.search(failure.message) else None
        raised = "\n".join((failure.type, failure.message, *_RAISED.findall(failure.traceback)))
        hint = next(self._refusals(raised, failure.traceback), None)
        if hint is None and failure.type == "FileNotFoundError":
            return f"code runs in an empty folder of its own; {self._model_files()}"
        if hint is None and op == "load" and _TORN.search(raised):
            torn = "a trained file may not have been written or copied to its end"
            return f"{torn}; {self._model_files()}"
        return hint

    def _refusals(self, raised: str, traceback: str) -> Iterator[str]:
        """Yield what the sandbox refused, as far as the exceptions show it."""
        if "seccomp" in self.layers:
            not_permitted = _NOT_PERMITTED.search(raised)
            if not self.network and _NAMES.search(raised):
                yield _NETWORK
            if not_permitted and _STARTING.search(traceback):
                yield _PROGRAM
            if not self.network and not_permitted and _CONNECTING.search(traceback):
                yield _NETWORK
        if "landlock" in self.layers and (_DENIED.search(raised) or "PermissionError" in raised):
            yield _SHARED if _SHARING.search(traceback) else _FILE

    def _model_files(self) -> str:
        """Name the trained files that the package ships."""
        found = self._found() if self.model_dir is not None else []
        if not found:
            return "the package ships no files below `model/`"
        named = ", ".join(f"`model/{path}`" for path in found[:_NAMED])
        more = " and others" if len(found) > _NAMED else ""
        return f"in `model_dir` the package ships {named}{more}"

    def _found(self) -> Sequence[Path]:
        root = Path(self.model_dir or "")
        files = (path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file())
        return list(islice(files, _NAMED + 1))


def _library(message: str) -> str:
    from ketch.package.code.libraries import distribution_for  # only where one is missing

    named = _MODULE.search(message)
    module = named["name"] if named is not None else ""
    library = distribution_for(module)
    is_alike = library == module.partition(".")[0].replace("_", "-")
    comes = "" if is_alike else f": `{module}` comes with `{library}`"
    return f"add the library to the package's requirements{comes}"
