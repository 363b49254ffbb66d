"""The code of a package: what must ship, what it imports, and what is wrong with it.

Everything is read from the syntax tree; nothing is imported or run. What counts is the
code that the entry points reach: the modules they lie in, the modules of the folder
those import, and so on, together with the Python files that ``include`` lists.
"""

from ketch.package.code.analyse import CodeReport, analyse
from ketch.package.code.entries import EntryPoint, entry_points
from ketch.package.code.imports import Import
from ketch.package.code.libraries import imported_distributions, undeclared, unnamed
from ketch.package.code.preload import imports_for_preload

__all__ = [
    "CodeReport",
    "EntryPoint",
    "Import",
    "analyse",
    "entry_points",
    "imported_distributions",
    "imports_for_preload",
    "undeclared",
    "unnamed",
]
