"""Writes the reference pages that have one source with the code.

python docs/generate.py           write docs/reference/{cli,errors,manifest}.md
                                  and docs/reference/ketch.schema.json
python docs/generate.py --check   write nothing; exit 1 when one of them is stale
"""
# a script, not a module of a package

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from cyclopts import App, ArgumentCollection

from ketch import errors
from ketch.cli.main import VERBS, app
from ketch.errors import KetchError
from ketch.package import ketch_toml
from ketch.package.keys import Key, Table

REFERENCE = Path(__file__).parent / "reference"
SOURCE = Path(inspect.getfile(errors)).parent
SENTENCES = REFERENCE / "errors.toml"
NOTE = "<!-- Written by docs/generate.py; change the code, not this page. -->"

CODE = re.compile(r"[a-z]+(?:-[a-z]+)*/[a-z0-9]+(?:-[a-z0-9]+)*")
NOT_SHIPPED = ("projects", "templates", "testing")


def main(arguments: list[str]) -> int:
    """Write the pages, or say which of them are stale."""
    stale = []
    for path, content in pages().items():
        if path.exists() and path.read_text() == content:
            continue
        stale.append(path.name)
        if "--check" not in arguments:
            path.write_text(content)
    if stale:
        print(f"{'stale' if '--check' in arguments else 'written'}: {', '.join(stale)}")
    return 1 if stale and "--check" in arguments else 0


def pages() -> dict[Path, str]:
    """Return every generated page by path."""
    schema = json.dumps(ketch_toml.editor_schema(), indent=2, ensure_ascii=False)
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "errors.md": errors_page(),
        REFERENCE / "manifest.md": manifest_page(),
        REFERENCE / "ketch.schema.json": f"{schema}\n",
        REFERENCE / "worker-protocol.md": worker_page(),
    }


# ---------------------------------------------------------------- the command line


def cli_page() -> str:
    """Return the page of every verb: its arguments, its flags, what it prints."""
    parts = [
        "# Commands",
        NOTE,
        (
            "stdout is data, stderr is conversation. With `--json`, stdout is one JSON value. "
            "Exit status: 0 done, 1 refused or failed its contract, 2 wrong usage, 3 unavailable "
            "(network, disk, worker)."
        ),
        "| verb | what it does |\n|---|---|\n"
        + "\n".join(f"| [`{verb}`](#ketch-{verb}) | {says} |" for verb, says in VERBS.items()),
    ]
    for verb in VERBS:
        parts += _verb(app(verb)[verb], f"ketch {verb}", depth=2)
    return "\n\n".join(parts) + "\n"


def _verb(command: App, name: str, *, depth: int) -> Iterator[str]:
    """Yield the section of a verb, and of the verbs below it."""
    yield f"{'#' * depth} {name}"
    function = command.default_command
    if function is None:
        yield command.help
    else:
        said, arguments = _docstring(function)
        positional, flags = _usage(command)
        yield f"    {' '.join([name, *positional, *(f'[{flag}]' for flag in flags)])}"
        yield said
        yield "\n".join(f"- `{shown}`: {arguments[key]}" for key, shown in _shown(command))
    for part in (part for part in command if not part.startswith("-")):
        yield from _verb(command[part], f"{name} {part}", depth=depth + 1)


def _arguments(command: App) -> ArgumentCollection:
    return command.assemble_argument_collection(default_parameter=app().default_parameter)


def _usage(command: App) -> tuple[list[str], list[str]]:
    positional, flags = [], []
    for argument in _arguments(command):
        if argument.field_info.kind is inspect.Parameter.POSITIONAL_ONLY:
            name = argument.field_info.name.upper()
            positional.append(name if argument.required else f"[{name}]")
        else:
            value = "" if argument.hint is bool else f" {argument.field_info.name.upper()}"
            flags.append(f"{argument.names[0]}{value}")
    return positional, flags


def _shown(command: App) -> Iterator[tuple[str, str]]:
    """Yield each argument's Python name, and how a person types it."""
    for argument in _arguments(command):
        field = argument.field_info
        if field.kind is inspect.Parameter.POSITIONAL_ONLY:
            yield field.name, field.name.upper()
        else:
            yield field.name, ", ".join(argument.names)


def _docstring(function: Callable[..., object]) -> tuple[str, dict[str, str]]:
    """Return what a function's docstring says, and what it says of each argument."""
    said, _, listed = (inspect.getdoc(function) or "").partition("\nArgs:\n")
    arguments: dict[str, str] = {}
    name = ""
    for line in listed.splitlines():
        begun = re.match(r"    (\w+): (.*)", line)
        if begun:
            name = begun[1]
            arguments[name] = begun[2]
        elif name:
            arguments[name] += f" {line.strip()}"
    return said.strip(), arguments


# ---------------------------------------------------------------- ketch.toml


def manifest_page() -> str:
    """Return the page of every table and key of ``ketch.toml``."""
    parts = [
        "# ketch.toml",
        NOTE,
        (
            "Unknown keys are refused. An editor that knows JSON Schema completes and checks the "
            "file with [`ketch.schema.json`](ketch.schema.json). The types of `[inputs]` and "
            "`[outputs]` are on [their own page](schema-types.md)."
        ),
    ]
    for title, table in TABLES.items():
        parts += [f"## {title}", table if isinstance(table, str) else _table(table)]
    return "\n\n".join(parts) + "\n"


TABLES: Mapping[str, Table | str] = {
    "[package]": ketch_toml.PACKAGE,
    "[pipeline]": ketch_toml.PIPELINE,
    "[inputs] and [outputs]": (
        "One key a field: its name, then its type or a table with its type and its limits; see "
        "[schema types](schema-types.md)."
    ),
    "[params]": "Any values that JSON can hold; `load(model_dir, params)` receives them.",
    "[data.NAME]": ketch_toml.DATA,
    "[environment]": ketch_toml.ENVIRONMENT,
    "[evaluate]": ketch_toml.EVALUATE,
    "[budget]": ketch_toml.BUDGET,
}


def _table(table: Table) -> str:
    rows = "\n".join(_row(key) for key in table.keys)
    return f"{table.doc}\n\n| key | value | what it says |\n|---|---|---|\n{rows}"


def _row(key: Key) -> str:
    kind = key.kind.name
    if key.kind.allowed:
        kind = ", ".join(f"`{value}`" for value in key.kind.allowed)
    required = " Required." if key.required else ""
    return f"| `{key.name}` | {kind} | {key.doc}{required} |"


# ---------------------------------------------------------------- the worker


def worker_page() -> str:
    """Return the page of the worker's protocol: the docstring of the one file that speaks it."""
    source = (SOURCE / "_worker" / "worker.py").read_text()
    said = ast.get_docstring(ast.parse(source)) or ""
    parts = [
        "# Worker protocol",
        NOTE,
        (
            "The worker is one file, `src/ketch/_worker/worker.py`, with the standard library "
            "alone. Its docstring is the protocol:"
        ),
        f"```text\n{said}\n```",
    ]
    return "\n\n".join(parts) + "\n"


# ---------------------------------------------------------------- errors


def errors_page() -> str:
    """Return the page of every error code that the source holds."""
    sentences = read_sentences()
    parts = [
        "# Error codes",
        NOTE,
        (
            "Every error has a code that does not change, says where it is, and, when there is "
            "one, what to do. A **finding** is one of several things that are wrong: they are "
            "told together, and the work stops with the error that carries them. The exit "
            "status of `ketch` and the HTTP status follow from the class."
        ),
        f"```\n{_tree()}\n```",
    ]
    areas: dict[str, list[str]] = defaultdict(list)
    for code, classes in sorted(codes().items()):
        areas[code.partition("/")[0]].append(_code_row(code, classes, sentences.get(code, {})))
    for area, rows in areas.items():
        head = "| code | class | exit | when | what to do |\n|---|---|---|---|---|"
        parts += [f"## {area}", "\n".join([head, *rows])]
    return "\n\n".join(parts) + "\n"


def _tree() -> str:
    return inspect.cleandoc((errors.__doc__ or "").partition("::\n")[2].partition("\n\nV")[0])


def _code_row(code: str, classes: frozenset[str], says: Mapping[str, str]) -> str:
    classes = frozenset({says["class"]}) if "class" in says else classes
    statuses = sorted({_status(name) for name in classes} - {""})
    cells = [f"`{code}`", ", ".join(sorted(classes)), ", ".join(statuses) or "-"]
    return f"| {' | '.join([*cells, says.get('when', ''), says.get('do', '')])} |"


def _status(name: str) -> str:
    return "" if name == "finding" else str(_classes()[name].exit_status)


def _classes() -> dict[str, type[KetchError]]:
    found = vars(errors).items()
    return {
        name: one for name, one in found if isinstance(one, type) and issubclass(one, KetchError)
    }


def read_sentences() -> dict[str, dict[str, str]]:
    """Return what ``errors.toml`` says of each code: ``when`` it happens, what to ``do``."""
    areas = tomllib.loads(SENTENCES.read_text()).items()
    return {f"{area}/{code}": says for area, listed in areas for code, says in listed.items()}


def codes() -> dict[str, frozenset[str]]:
    """Return every error code of the source, and the classes that carry it."""
    found: dict[str, set[str]] = defaultdict(set)
    paths = (path for path in sorted(SOURCE.rglob("*.py")))
    shipped = (path for path in paths if not set(NOT_SHIPPED) & set(path.parts[-3:]))
    trees = [ast.parse(path.read_text()) for path in shipped]
    for tree in trees:
        for code, name in (*_codes_in(tree), *_composed_codes(tree, trees)):
            found[code].add(name)
    for name in _classes():
        found[_classes()[name].code].add(name)
    return {code: frozenset(names - {"finding"} or {"finding"}) for code, names in found.items()}


def _composed_codes(tree: ast.Module, trees: list[ast.Module]) -> Iterator[tuple[str, str]]:
    """Yield codes that a helper composes, as ``f"fsck/{code}"``, from what its callers name."""
    for helper in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        parameters = [one.arg for one in helper.args.args if one.arg != "self"]
        for call in (node for node in ast.walk(helper) if isinstance(node, ast.Call)):
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            for area, name in (_composed(value) for value in values):
                if area and name in parameters:
                    carrier = _class_of(call, _classes())
                    seen = [tree] if helper.name.startswith("_") else trees
                    for part in _named(helper.name, parameters.index(name), seen):
                        yield f"{area}{part}", carrier


def _composed(node: ast.expr) -> tuple[str, str]:
    """Return area and variable of ``f"area/{variable}"``; empty texts for anything else."""
    match node:
        case ast.JoinedStr([ast.Constant(str() as area), ast.FormattedValue(ast.Name(name))]):
            return (area, name) if re.fullmatch("[a-z-]+/", area) else ("", "")
    return "", ""


def _named(helper: str, place: int, trees: list[ast.Module]) -> Iterator[str]:
    """Yield every text that calls of a helper have in one place, through a variable too."""
    for tree in trees:
        for node in ast.walk(tree):
            match node:
                case ast.Call(ast.Name(name) | ast.Attribute(attr=name), args) if name == helper:
                    yield from (
                        text for one in args[place : place + 1] for text in _texts(one, tree)
                    )


def _texts(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    match node:
        case ast.Constant(str() as text):
            yield text
        case ast.IfExp(body=first, orelse=second):
            yield from _texts(first, tree)
            yield from _texts(second, tree)
        case ast.Name(name):
            for one in ast.walk(tree):
                match one:
                    case ast.Assign([ast.Name(assigned)], value) if assigned == name:
                        yield from _texts(value, tree)


def _codes_in(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each code and its class: that of the call it stands in, else ``finding``."""
    known = _classes()
    areas = {path.stem for path in SOURCE.iterdir()} | set(AREAS)
    calls = {
        id(part): name
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        for name in [_class_of(call, known)]
        for part in [*call.args, *(keyword.value for keyword in call.keywords)]
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            code = node.value
            if CODE.fullmatch(code) and code.partition("/")[0] in areas and code not in NO_CODES:
                yield code, calls.get(id(node), "finding")


def _class_of(call: ast.Call, known: Mapping[str, object]) -> str:
    """Return the error class that a call makes, or is told to make."""
    named = [call.func, *call.args]
    names = [part.id for part in named if isinstance(part, ast.Name)]
    return next((name for name in names if name in known), "finding")


AREAS = (
    *("approval", "archive", "decisions", "disk", "drift", "environment", "gate", "init", "json"),
    *("ketch", "manifest", "oci", "outcomes", "package-code", "policy", "promote", "reference"),
    *("request", "rollback", "route", "scenario", "serve", "share", "signature", "table", "usage"),
    *("import", "upgrade", "version", "worker"),
)
NO_CODES = ("blobs/sha256",)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
