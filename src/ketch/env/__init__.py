"""Environments: from what a package asks for, to a lock, to a folder that is the same everywhere.

:func:`read_requirements` reads the request, :func:`resolve` pins it with hashes for every
platform, :class:`Environments` makes the folder: once, from wheels only, shared by all
packages with the same lock. uv does the work; a package never names an index.

Reading requirements and resolving them need the grammar of versions, which costs more to
import than all the rest; they are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ketch.env.bytecode import Compiling, compiling
from ketch.env.cache import Environments, environment_key
from ketch.env.environment import Environment, EnvironmentRecord
from ketch.env.gc import Collected, collect_environments
from ketch.env.interpreters import Interpreter, find_python
from ketch.env.lock import LOCK_FILE, Lock, LockedPackage, make_lock, read_lock, write_lock
from ketch.env.modules import module_owners, top_level_modules
from ketch.env.uv import Progress, SourceBuilds

if TYPE_CHECKING:
    from ketch.env.requirements import Requirements, read_requirements
    from ketch.env.resolving import Resolving, resolve

__all__ = [
    "LOCK_FILE",
    "Collected",
    "Compiling",
    "Environment",
    "EnvironmentRecord",
    "Environments",
    "Interpreter",
    "Lock",
    "LockedPackage",
    "Progress",
    "Requirements",
    "Resolving",
    "SourceBuilds",
    "collect_environments",
    "compiling",
    "environment_key",
    "find_python",
    "make_lock",
    "module_owners",
    "read_lock",
    "read_requirements",
    "resolve",
    "top_level_modules",
    "write_lock",
]

_LATER = {
    "Requirements": "ketch.env.requirements",
    "Resolving": "ketch.env.resolving",
    "read_requirements": "ketch.env.requirements",
    "resolve": "ketch.env.resolving",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module 'ketch.env' has no attribute '{name}'")
    return getattr(import_module(_LATER[name]), name)
