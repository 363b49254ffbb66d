"""What to do about what package code raised, where that is known from the exception."""

from __future__ import annotations

import re
from collections.abc import Collection

from ketch.runtime.protocol import Failure

_LIBRARY = "add the library to the package's requirements"
_SANDBOX = "the sandbox, in which packages run,"
_NETWORK = (
    f"{_SANDBOX} has no network: ship below `model/` what the code fetches, or write "
    "`network = true` under `[environment]` in ketch.toml"
)
_PROGRAM = (
    f"{_SANDBOX} starts no programs: do it with a library, or before, and ship what came of it"
)
_FILE = (
    f"{_SANDBOX} lets code read its own files, environment and declared data, and write to its "
    "temporary folder (`tempfile`); ship what it reads below `model/`, where "
    "`load(model_dir, params)` finds it, or declare it under `[data]`"
)
_MODEL_FILE = (
    "files that ship below `model/` lie in `model_dir`, the first argument of `load`; "
    "look whether the file is in the folder, and how `load` names it"
)
_CUT_OFF = "a model file that ends early is often one that was not written or copied to its end"

# Only the line that names an exception begins at the margin of a traceback; those that
# others were raised from stand there, too.
_RAISED = re.compile(r"^[A-Za-z_][\w.]*: .*", re.MULTILINE)
_NAMES = re.compile(
    r"name resolution|Name or service not known|getaddrinfo|NameResolutionError"
    r"|NewConnectionError|nodename nor servname",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\[?errno 13\]?|permission denied", re.IGNORECASE)
_NOT_PERMITTED = re.compile(r"\[?errno 1\]|operation not permitted", re.IGNORECASE)
_STARTING = re.compile(r"subprocess\.py|posix_spawn|_execute_child|\bexecv|\bos\.exec")
_CONNECTING = re.compile(r"socket\.py|socket\.socket|asyncio|\bsocketpair")


def hint_for(failure: Failure, layers: Collection[str], *, network: bool, step: bool) -> str | None:
    """Return what to do about an exception; None when nobody can tell from here.

    Args:
        failure: What was raised.
        layers: The layers of the sandbox that are up.
        network: Whether the package may open connections.
        step: Whether its model had been loaded when it was raised.
    """
    if failure.type == "ModuleNotFoundError":
        return _LIBRARY
    raised = "\n".join([f"{failure.type}: {failure.message}", *_RAISED.findall(failure.traceback)])
    if sandboxed := _of_sandbox(raised, failure.traceback, layers, network=network):
        return sandboxed
    if step:
        return None
    if failure.type == "FileNotFoundError":
        return _MODEL_FILE
    return _CUT_OFF if failure.type in _OF_TORN_FILES else None


_OF_TORN_FILES = frozenset({"EOFError", "UnpicklingError", "BadZipFile", "InvalidHeaderDeserialization"})


def _of_sandbox(
    raised: str, traceback: str, layers: Collection[str], *, network: bool
) -> str | None:
    """Return what the sandbox refused, as far as an exception shows it."""
    if "seccomp" in layers and not network and _NAMES.search(raised):
        return _NETWORK
    if "seccomp" in layers and _NOT_PERMITTED.search(raised):
        if _STARTING.search(traceback):
            return _PROGRAM
        if not network and _CONNECTING.search(traceback):
            return _NETWORK
    denied = _DENIED.search(raised) or "PermissionError" in raised
    return _FILE if "landlock" in layers and denied else None
