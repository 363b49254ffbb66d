"""Which modules a worker may import before the package's own code runs.

Importing libraries is most of a worker's start. A worker that knows what will be
imported does it early, while nothing of the package has run yet. The names come from
the shipped code and from the model files, whose pickles name the classes they hold.
They are only a guess at what to import: a name that fails is skipped, and nothing here
unpickles or decides what is trusted.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from ketch.package.code.imports import imports_of
from ketch.package.code.source import Source, read_source

MOST_NAMES = 200
BYTES_READ = 4 << 20  # of each model file

_DOTTED = rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
_MODULE = re.compile(_DOTTED)
_SHORT_TEXT = re.compile(rb"\x8c([\x01-\xff])(?=[A-Za-z_])")  # pickle: SHORT_BINUNICODE
_GLOBAL = re.compile(rb"c(" + _DOTTED + rb")\n" + _DOTTED + rb"\n")  # pickle: GLOBAL


def imports_for_preload(
    shipped_files: Iterable[Path],
    model_files: Iterable[Path],
    available_modules: Collection[str],
) -> tuple[str, ...]:
    """Return the dotted names of libraries worth importing early, parents first.

    Args:
        shipped_files: Files of the package's code; those that are not Python are skipped.
        model_files: Its trained files; the first 4 MiB of each are looked at.
        available_modules: Top-level names the environment brings; nothing else is named.

    Returns:
        At most 200 names, the shallow ones first.
    """
    available = frozenset(available_modules)
    found: set[str] = set()
    for path in shipped_files:
        found.update(_imported(path))
    for path in model_files:
        found.update(_pickled(path))
    names = {name for name in found if name.partition(".")[0] in available}
    return tuple(sorted(names, key=lambda name: (name.count("."), name))[:MOST_NAMES])


def _imported(path: Path) -> Iterator[str]:
    if path.suffix != ".py":
        return
    source = read_source(path.parent, path.name)
    if isinstance(source, Source):
        yield from (one.module for one in imports_of(source) if one.module and not one.level)


def _pickled(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        content = file.read(BYTES_READ)
    for match in _SHORT_TEXT.finditer(content):
        text = content[match.end() : match.end() + match[1][0]]
        if len(text) == match[1][0] and _MODULE.fullmatch(text):
            yield text.decode("ascii")
    for match in _GLOBAL.finditer(content):
        yield match[1].decode("ascii")
