"""The modules that lie in a package folder, found the way Python finds them.

Python looks in the folder itself, then in its ``src`` folder when there is one. A
package (a folder with ``__init__.py``) comes before a module of the same name, and both
before a namespace package (a folder without), wherever they lie.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_COMPILED = (".so", ".pyd")


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the package folder.

    Attributes:
        name: Dotted name, as an import spells it.
        path: Its file, relative to the folder, with ``/``.
        root: Where Python finds it: ``""`` for the folder itself, or ``src``.
    """

    name: str
    path: str
    root: str

    @property
    def is_compiled(self) -> bool:
        """Whether it is machine code rather than Python."""
        return self.path.endswith(_COMPILED)

    @property
    def package(self) -> str:
        """The dotted name that a relative import in this module starts from."""
        if self.path.rpartition("/")[2] == "__init__.py":
            return self.name
        return self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a dotted name means in a package folder.

    Attributes:
        modules: The files that importing the name runs, outermost first.
        found: Whether the whole name was found.
        is_local: Whether its first segment is a module or package of this folder; a
            namespace package is only so when the name goes on to a file.
    """

    modules: tuple[Module, ...] = ()
    found: bool = False
    is_local: bool = False


class LocalModules:
    """The modules of one package folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listings: dict[str, dict[str, bool]] = {}
        has_src = self._entries("").get("src") and "__init__.py" not in self._entries("src")
        self.roots = ("", "src") if has_src else ("",)

    def resolve(self, name: str) -> Resolution:
        """Follow a dotted name as far as the folder goes."""
        places = [(root, root) for root in self.roots]
        modules: list[Module] = []
        spelled: list[str] = []
        for part in name.split("."):
            spelled.append(part)
            module = self._regular(".".join(spelled), part, places)
            if module is not None:
                modules.append(module)
                inside = module.path.removesuffix("/__init__.py")
                places = [] if inside == module.path else [(module.root, inside)]
                continue
            places = [
                (root, _join(place, part))
                for root, place in places
                if self._entries(place).get(part)
            ]
            if not places:
                return Resolution(tuple(modules), found=False, is_local=bool(modules))
        return Resolution(tuple(modules), found=True, is_local=bool(modules))

    def at(self, path: str) -> Module:
        """Return the module that a Python file of the folder is."""
        root = "src" if "src" in self.roots and path.startswith("src/") else ""
        stem = path.removeprefix(f"{root}/" if root else "").removesuffix(".py")
        name = stem.removesuffix("/__init__").replace("/", ".")
        return Module(name, path, root)

    def top_names(self) -> tuple[str, ...]:
        """Return the names that an import could start with, for suggestions."""
        names: dict[str, None] = {}
        for root in self.roots:
            for entry, is_folder in self._entries(root).items():
                if entry.endswith(".py"):
                    names[entry.removesuffix(".py")] = None
                elif is_folder and "__init__.py" in self._entries(_join(root, entry)):
                    names[entry] = None
        return tuple(names)

    def _regular(self, name: str, part: str, places: list[tuple[str, str]]) -> Module | None:
        for root, place in places:
            entries = self._entries(place)
            path = _join(place, part)
            if entries.get(part) and self._entries(path).get("__init__.py") is False:
                return Module(name, f"{path}/__init__.py", root)
            if entries.get(f"{part}.py") is False:
                return Module(name, f"{path}.py", root)
            for entry in entries:
                if entry.startswith(f"{part}.") and entry.endswith(_COMPILED):
                    return Module(name, _join(place, entry), root)
        return None

    def _entries(self, place: str) -> dict[str, bool]:
        """Return what lies in a folder: the names, and whether each is a folder itself."""
        if place not in self._listings:
            try:
                with os.scandir(self._folder / place) as entries:
                    listing = {entry.name: entry.is_dir() for entry in sorted(entries, key=_name)}
            except OSError:
                listing = {}
            self._listings[place] = listing
        return self._listings[place]


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _join(place: str, name: str) -> str:
    return f"{place}/{name}" if place else name
