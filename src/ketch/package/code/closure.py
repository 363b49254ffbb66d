"""The modules of a package folder that its entry points reach, followed import by import."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ketch.errors import Finding
from ketch.package.code.entries import EntryPoint, check_function
from ketch.package.code.imports import Import, dynamic_imports, imports_of
from ketch.package.code.libraries import standard_library
from ketch.package.code.modules import LocalModules, Module, Resolution
from ketch.package.code.source import Source, read_source, top_level
from ketch.package.paths import printable
from ketch.schema.nearest import did_you_mean


@dataclass(slots=True)
class Closure:
    """The modules reached so far, and those still to read.

    Attributes:
        imports: Imports that the folder does not answer.
        findings: What is wrong so far; the same one may be there twice.
    """

    folder: Path
    local: LocalModules
    python: str | None = None
    imports: list[Import] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _modules: dict[str, Module] = field(default_factory=dict)
    _waiting: list[Module] = field(default_factory=list)
    _read: dict[str, Source | Finding] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """The files of the modules reached."""
        return tuple(module.path for module in self._modules.values())

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders on the import path that hold a module reached."""
        used = {module.root for module in self._modules.values()}
        return tuple(root for root in self.local.roots if root in used)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every Python file read, by path."""
        paths = sorted(self._read)
        return tuple(known for path in paths if isinstance(known := self._read[path], Source))

    def enter(self, entry: EntryPoint) -> None:
        """Start from the module of an entry point, when the folder holds it."""
        if entry.is_well_formed:
            self.add(*self.local.resolve(entry.module).modules)

    def add(self, *modules: Module) -> None:
        """Ship modules, and read those not read yet."""
        for module in modules:
            if module.name not in self._modules:
                self._modules[module.name] = module
                self._waiting.append(module)
                self.findings.extend(_about(module, self.python))

    def follow(self) -> None:
        """Read until nothing is left to read."""
        while self._waiting:
            module = self._waiting.pop(0)
            source = self._source(module)
            if source is None:
                continue
            self.findings.extend(_dynamic(source.where(line)) for line in dynamic_imports(source))
            for one in imports_of(source):
                self.findings.extend(self._take(one, module))

    def check(self, entry: EntryPoint) -> tuple[Finding, ...]:
        """Return what is wrong with an entry point."""
        if not entry.is_well_formed:
            message = f"expected `module:function`, found `{printable(entry.text)}`"
            return (Finding("package/entry-syntax", message, entry.where),)
        resolution = self.local.resolve(entry.module)
        if not resolution.found or not resolution.modules:
            return (self._no_module(entry),)
        source = self._source(resolution.modules[-1])
        return check_function(entry, source, self._neighbour) if source else ()

    def _source(self, module: Module) -> Source | None:
        """Return a module's file, or ``None`` when it is compiled or reported unreadable."""
        if module.is_compiled:
            return None
        if module.path not in self._read:
            self._read[module.path] = read_source(self.folder, module.path, python=self.python)
        known = self._read[module.path]
        if isinstance(known, Finding):
            self.findings.append(known)
            return None
        return known

    def _neighbour(self, spelled: str, source: Source) -> Source | None:
        """Return the local module that a file means by a name, dots of level included."""
        name = spelled.lstrip(".")
        one = Import(name, (), source.path, 0, level=len(spelled) - len(name))
        absolute = _absolute(one, self.local.at(source.path))
        resolution = self.local.resolve(absolute) if absolute else Resolution()
        if not resolution.found or not resolution.modules:
            return None
        return self._source(resolution.modules[-1])

    def _take(self, one: Import, module: Module) -> tuple[Finding, ...]:
        """Follow an import into the folder, or note it as one of a library."""
        name = _absolute(one, module)
        if name is None:
            return (_leaves_package(one),)
        resolution = self.local.resolve(name)
        asked = [self.local.resolve(f"{name}.{each}") for each in self._asked(one, resolution)]
        below = [each for each in asked if each.found and each.modules]
        for each in (resolution, *below):
            self.add(*each.modules)
        if below or (resolution.found and (resolution.is_local or one.level)):
            return ()
        if resolution.is_local or one.level:
            return () if one.optional else (_missing(one, name),)
        if one.top == "ketch":
            return (_imports_ketch(one.where),)
        self.imports.append(one)
        return ()

    def _asked(self, one: Import, resolution: Resolution) -> tuple[str, ...]:
        """Return the names of ``from … import``; of a ``*``, those that ``__all__`` lists."""
        if one.names != ("*",):
            return one.names
        source = self._source(resolution.modules[-1]) if resolution.modules else None
        return tuple(_exported(source)) if source else ()

    def _no_module(self, entry: EntryPoint) -> Finding:
        if entry.module.partition(".")[0] == "ketch":
            return _imports_ketch(entry.where)
        path = entry.module.replace(".", "/")
        hint = did_you_mean(entry.module, self.local.top_names()) or f"write `{path}.py`"
        message = f"expected a module `{entry.module}` in the folder, found none"
        return Finding("package/entry-module", message, entry.where, hint)


def _absolute(one: Import, module: Module) -> str | None:
    """Return the full name of an import, or ``None`` when its dots lead nowhere."""
    if not one.level:
        return one.module
    package = module.package.split(".") if module.package else []
    kept = package[: len(package) - (one.level - 1)]
    if not kept:
        return None
    return ".".join([*kept, one.module] if one.module else kept)


def _exported(source: Source) -> Iterator[str]:
    for statement in top_level(source.tree):
        match statement:
            case ast.Assign(
                targets=[ast.Name(id="__all__")],
                value=ast.List(elts=items) | ast.Tuple(elts=items),
            ):
                for item in items:
                    if isinstance(item, ast.Constant) and isinstance(item.value, str):
                        yield item.value


def _about(module: Module, python: str | None) -> Iterator[Finding]:
    if module.is_compiled:
        yield Finding(
            "package/compiled-module",
            f"`{module.name}` is machine code and runs on one platform only",
            module.path,
            "ship it as a wheel that the requirements name",
            blocks=False,
        )
    if module.name in standard_library(python or "3.11"):
        yield Finding(
            "package/shadows-standard-library",
            f"`{module.name}` is also a module of Python itself",
            module.path,
            "rename it: which of the two an import gets depends on what ran before",
        )


def _dynamic(where: str) -> Finding:
    return Finding(
        "package/dynamic-import",
        "a module is imported by a name that only running would tell",
        where,
        "list the files it may need in `[pipeline] include`",
        blocks=False,
    )


def _leaves_package(one: Import) -> Finding:
    found = printable("." * one.level + one.module)
    plain = printable(f"import {one.module or ', '.join(one.names)}")
    message = f"expected a module of the same package, found `{found}` outside any"
    return Finding("package/relative-import", message, one.where, f"write `{plain}`")


def _missing(one: Import, name: str) -> Finding:
    message = f"expected a module `{name}` in the folder, found none"
    hint = f"write `{name.replace('.', '/')}.py`, or remove the import"
    return Finding("package/missing-module", message, one.where, hint)


def _imports_ketch(where: str | None) -> Finding:
    return Finding(
        "package/imports-ketch",
        "expected code that stands without ketch, found an import of `ketch`",
        where,
        "write the function in the package; `ketch init --from MODEL` writes loaders out",
    )
