"""Compiles modules that are about to be imported; a program of its own, run by path.

    <base interpreter> -I -S compiler.py PARENT forwards|backwards SITE_PACKAGES MODULE…

The bytecode of each module, and of whatever it imports at its top level, is put where
Python looks for it. Nothing of the environment is run: a source is compiled, and what it
imports is read from the result. Bytecode that is there already is left alone and never
read, since it may have come with a library, and only source is safe to read.

Two of them share the work without a word: one goes from the first module to the last, in
the order of an import, the other comes from the last, and each passes over what it finds
compiled. It ends early when the process that began it, number ``PARENT``, has ended.
Standard library only, Python 3.9 or newer: the environment's own.
"""

import dis
import importlib.util
import os
import resource
import sys
from importlib.machinery import SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

MOST_MEMORY = 2 << 30
_IMPORT = dis.opmap["IMPORT_NAME"]
_CONSTANTS = ("LOAD_CONST", "LOAD_SMALL_INT")


def compile_all(folder: str, names: "list[str]", *, forwards: bool, parent_process: int) -> None:
    """Compile modules and what they import; what cannot be compiled is passed over."""
    turn = -1 if forwards else 1  # the last of those waiting comes next
    waiting, seen = names[::turn], set()
    while waiting and os.getppid() == parent_process:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        parent = name.rpartition(".")[0]
        if parent:
            waiting.append(parent)
        source = find_source(folder, name)
        code = compile_one(name, source) if source else None
        if source and code:
            is_package = os.path.basename(source) == "__init__.py"
            found = list(imported(code, name if is_package else parent))
            waiting.extend(found[::turn])


def find_source(folder: str, name: str) -> "str | None":
    """Return the source of a module; none that a name or a link leads to elsewhere."""
    parts = name.split(".")
    base = os.path.join(folder, *parts)
    for path in (os.path.join(base, "__init__.py"), f"{base}.py"):
        if os.path.isfile(path) and all(part.isidentifier() for part in parts):
            return path if os.path.realpath(path) == path else None
    return None


def compile_one(name: str, source: str) -> "CodeType | None":
    """Compile a source unless it has been; keep the bytecode and return it."""
    if os.path.lexists(importlib.util.cache_from_source(source)):
        return None
    try:
        return SourceFileLoader(name, source).get_code(name)
    except (ImportError, MemoryError, OSError, RecursionError, SyntaxError, ValueError):
        return None


def imported(code: "CodeType", package: str) -> "Iterator[str]":
    """Yield what a module imports as it is run, and what may be modules among the names."""
    if _IMPORT not in code.co_code[::2]:
        return
    constants: list[object] = []
    for one in dis.get_instructions(code):
        if one.opname in _CONSTANTS:
            constants = [*constants[-1:], one.argval]
        elif one.opname == "IMPORT_NAME" and len(constants) == 2:
            level, names = constants  # loaded just before, always
            module = absolute(one.argval, package, level if isinstance(level, int) else 0)
            yield module
            for name in names if isinstance(names, tuple) else ():
                yield f"{module}.{name}"


def absolute(name: str, package: str, level: int) -> str:
    """Return the full name of what ``from …name import`` means inside a package."""
    if not level:
        return name
    parts = package.split(".")
    kept = parts[: len(parts) - level + 1]
    return ".".join([*kept, *([name] if name else [])])


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, MOST_MEMORY))
    number, direction, place, *modules = sys.argv[1:]
    compile_all(
        os.path.realpath(place),
        modules,
        forwards=direction == "forwards",
        parent_process=int(number),
    )
