"""What a package says it needs, before anything is pinned.

A package folder has one source of requirements, in one of three forms:

========================  =======================================================
``requirements.txt``      with ``-r`` and ``-c`` files inside the folder
``pyproject.toml``        ``project.dependencies``; a ``uv.lock`` beside it is kept to
``environment.yml``       or ``conda.yaml``: the pip part, and the Python version
========================  =======================================================

Two of them would be two answers to one question, so ``ketch.toml`` then says which:
``[environment] requirements = "requirements.txt"``. Requirements need no exact version:
the lock pins them. They may not say where a distribution comes from (see
:mod:`ketch.env.lines`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from ketch.env.lines import Gathered, LineReader, read_text
from ketch.env.uv import SourceBuilds
from ketch.errors import Finding
from ketch.package.digest import Digest
from ketch.package.paths import printable
from ketch.package.toml import parse_toml

SOURCES = (
    "requirements.txt",
    "pyproject.toml",
    "environment.yml",
    "environment.yaml",
    "conda.yaml",
    "conda.yml",
)
"""The files that may hold a package's requirements."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a package needs.

    Attributes:
        source: The file it was read from, relative to the folder; None when there is none.
        lines: Requirements as PEP 508 writes them, names normalised.
        constraints: Limits on versions of what other requirements bring.
        hashes: SHA-256, as hex, of the only files allowed, by distribution name.
        python: The Python version the source asks for, such as ``3.11``.
        requires_python: The range of Pythons the source allows.
        uv_lock: A ``uv.lock`` to keep to.
        files: Every file that was read, relative to the folder.
        findings: Everything that is wrong.
        places: Where each line and constraint was first read, such as ``requirements.txt:2``.
    """

    source: str | None = None
    lines: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    python: str | None = None
    requires_python: str | None = None
    uv_lock: Path | None = None
    files: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, line: str) -> str | None:
        """Return where a person wrote a requirement: file and line, or the file."""
        return self.places.get(line, self.source)

    def digest(self, python: str, *, source_builds: SourceBuilds = False) -> Digest:
        """Return the digest of everything a lock is made from.

        A lock whose ``inputs`` are another digest is stale.

        Args:
            python: The Python asked for, such as ``3.11``.
            source_builds: What may be built from source.
        """
        parts = [f"python {python}", f"source-builds {_builds_text(source_builds)}"]
        parts += [f"require {line}" for line in sorted(set(self.lines))]
        parts += [f"constrain {line}" for line in sorted(set(self.constraints))]
        parts += [
            f"hash {name} {' '.join(sorted(self.hashes[name]))}" for name in sorted(self.hashes)
        ]
        if self.uv_lock is not None:
            with self.uv_lock.open("rb") as file:
                parts.append(f"uv.lock {hashlib.file_digest(file, 'sha256').hexdigest()}")
        return Digest.of("\n".join(parts).encode())


def _builds_text(source_builds: SourceBuilds) -> str:
    if isinstance(source_builds, bool):
        return "all" if source_builds else "none"
    return ", ".join(sorted(source_builds)) or "none"


def read_requirements(folder: Path, *, source: str | None = None) -> Requirements:
    """Read what a package needs; a folder that names nothing needs nothing.

    Args:
        folder: The package's folder.
        source: The file to read, relative to the folder, when ``ketch.toml`` names one.

    Returns:
        The requirements, with everything that is wrong in ``findings``.
    """
    root = folder.resolve()
    gathered = Gathered()
    present = [source] if source is not None else _present_sources(root)
    if source is not None and not _lies_in(root, source):
        message = f"expected a file inside the package's folder, found `{printable(source)}`"
        gathered.find("env/include-outside", message, "ketch.toml: environment.requirements")
        return Requirements(findings=tuple(gathered.findings))
    if not present:
        return Requirements()
    if len(present) > 1:
        gathered.find(
            "env/two-sources",
            f"expected one source of requirements, found {_listed(present)}",
            ", ".join(present),
            f'say which in ketch.toml: `[environment] requirements = "{present[0]}"`',
        )
        return Requirements(findings=tuple(gathered.findings))
    return _read_source(root, present[0], gathered)


def _lies_in(root: Path, source: str) -> bool:
    try:
        return (root / source).resolve().is_relative_to(root)
    except (OSError, ValueError, RuntimeError):  # no such name, or a loop of links
        return False


def _listed(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _present_sources(root: Path) -> list[str]:
    present = [name for name in SOURCES if (root / name).is_file()]
    # A pyproject.toml may be there for the settings of tools alone.
    if len(present) > 1 and "pyproject.toml" in present and not _names_needs(root):
        present.remove("pyproject.toml")
    return present


def _names_needs(root: Path) -> bool:
    project = _table(_load_pyproject(root, "pyproject.toml", Gathered()).get("project"))
    return "dependencies" in project or "dependencies" in _list(project.get("dynamic"))


def _read_source(root: Path, name: str, gathered: Gathered) -> Requirements:
    python = requires_python = uv_lock = None
    if Path(name).suffix == ".toml":
        requires_python, uv_lock = _read_pyproject(root, name, gathered)
    elif Path(name).suffix in {".yml", ".yaml"}:
        # Reading YAML costs an import that most packages need not pay for.
        from ketch.env.conda import read_conda

        python = read_conda(root, name, gathered)
    else:
        LineReader(root, gathered).read(root / name)
    return Requirements(
        source=name,
        lines=tuple(gathered.lines),
        constraints=tuple(gathered.constraints),
        hashes=gathered.hashes,
        python=python,
        requires_python=requires_python,
        uv_lock=uv_lock,
        files=tuple(gathered.files),
        findings=tuple(gathered.findings),
        places=gathered.places,
    )


def _read_pyproject(root: Path, name: str, gathered: Gathered) -> tuple[str | None, Path | None]:
    """Read ``project.dependencies``; return the Pythons allowed and the lock beside it."""
    content = _load_pyproject(root, name, gathered)
    project, tools = _table(content.get("project")), _table(content.get("tool"))
    if "dependencies" in _list(project.get("dynamic")):
        message = "expected `project.dependencies` as a list, found it declared dynamic"
        gathered.find("env/dynamic-dependencies", message, f"{name}: project.dynamic")
    if "dependencies" not in project and "dependencies" in _table(tools.get("poetry")):
        message = "expected `project.dependencies`, found only those of poetry"
        hint = "poetry 2 reads `project.dependencies`; or write a `requirements.txt`"
        gathered.find("env/poetry", message, f"{name}: tool.poetry.dependencies", hint)
    for index, line in enumerate(_list(project.get("dependencies"))):
        gathered.add(str(line), f"{name}: project.dependencies[{index}]")
    lock = root / name
    lock = lock.with_name("uv.lock")
    if lock.is_file():
        gathered.files.append(lock.relative_to(root).as_posix())
    else:
        _refuse_other_sources(_table(_table(tools.get("uv")).get("sources")), name, gathered)
    return _requires_python(project, name, gathered), lock if lock.is_file() else None


def _load_pyproject(root: Path, name: str, gathered: Gathered) -> dict[str, object]:
    text = read_text(root / name, name, gathered)
    if text is None:
        return {}
    try:
        content = parse_toml(text.encode())
    except ValueError as error:
        gathered.find("env/unreadable-file", f"expected TOML: {printable(str(error))}", name)
        return {}
    gathered.files.append(name)
    return content


def _refuse_other_sources(sources: Mapping[str, object], name: str, gathered: Gathered) -> None:
    for distribution in sources:
        message = f"expected `{distribution}` from the index, found a source of its own"
        hint = "publish it on the index uv is configured for, and name it with a version"
        where = f"{name}: tool.uv.sources.{distribution}"
        gathered.find("env/url-requirement", message, where, hint)


def _requires_python(project: Mapping[str, object], name: str, gathered: Gathered) -> str | None:
    text = project.get("requires-python")
    if text is None:
        return None
    try:
        return str(SpecifierSet(str(text)))
    except InvalidSpecifier:
        message = f"expected a range such as `>=3.11`, found `{text}`"
        gathered.find("env/python-request", message, f"{name}: project.requires-python")
        return None


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
