"""``pipeline.py`` as a person would have written it: imports, constants, functions, ``load``."""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ketch.authoring.drafting.literals import docstring
from ketch.authoring.notebook.statements import Kind, Statement

_FUTURE = "from __future__ import annotations"


@dataclass(frozen=True, slots=True)
class Module:
    """The parts of a module.

    Attributes:
        title: The first line of its docstring.
        source: What it was written from.
        imports: Import lines.
        parts: Constants and functions, each as text with its statement.
        load: The body of ``load``, statement by statement; none when there is no load.
        returns: What ``load`` returns.
        first: Code before the others.
        more: Functions at the end.
        is_future: Whether annotations are kept as text.
    """

    title: str
    source: str
    imports: tuple[str, ...] = ()
    parts: tuple[tuple[Statement, str], ...] = ()
    load: tuple[str, ...] = ()
    returns: str = ""
    first: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    is_future: bool = field(default=False)


def composed(module: Module) -> str:
    """Return the text of a module, with those of its imports that something uses."""
    loads = [_load(module)] if module.load else []
    parts = _used(module.parts, "\n".join([*module.first, *loads, *module.more]))
    at = next((at for at, (one, _) in enumerate(parts) if one.kind is not Kind.PLAIN), len(parts))
    blocks = [*_grouped(parts[:at]), *loads, *_grouped(parts[at:])]
    body = [*module.first, *blocks, *module.more]
    imports = used_imports(module.imports, "\n".join(body))
    head = (
        f'"""{docstring(module.title)}\n\n'
        f"Written by `ketch init` from `{docstring(module.source)}`; plain Python, and yours to "
        "edit. What\n`load` returns is handed to every step, and each step's answer to the next "
        'one.\n"""\n'
    )
    future = f"\n{_FUTURE}\n" if module.is_future else ""
    grouped = f"\n{sorted_imports(imports)}\n" if imports else ""
    gap = "\n" if body and _is_assignment(body[0]) else "\n\n"
    return head + future + grouped + gap + "\n\n\n".join(body) + "\n"


def _used(parts: Sequence[tuple[Statement, str]], rest: str) -> list[tuple[Statement, str]]:
    """Return the parts without constants that nothing reads since a path of theirs moved."""
    kept = list(parts)
    while True:
        texts = [text for _, text in kept]
        read = [*(_names(text) for text in texts), _names(rest)]
        spare = [
            at
            for at, (one, _) in enumerate(kept)
            if one.kind is Kind.PLAIN
            and one.binds
            and not any(one.binds & names for other, names in enumerate(read) if other != at)
        ]
        if not spare:
            return kept
        kept = [part for at, part in enumerate(kept) if at not in spare]


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def used_imports(lines: Iterable[str], body: str) -> tuple[str, ...]:
    """Return the import lines whose names a body uses."""
    names = _names(body)
    return tuple(
        line for line in dict.fromkeys(lines) if line.endswith(" *") or _bound(line) & names
    )


def sorted_imports(lines: Iterable[str]) -> str:
    """Return import lines as a formatter would: grouped, sorted, one line a module."""
    whole, parts = [], dict[str, set[str]]()
    for line in dict.fromkeys(lines):
        module, _, names = line.removeprefix("from ").partition(" import ")
        if line.startswith("from ") and names != "*":
            parts.setdefault(module, set()).add(names)
        else:
            whole.append(line)
    whole += [f"from {module} import {', '.join(sorted(parts[module]))}" for module in parts]
    ordered = sorted(whole, key=lambda line: (line.startswith("from "), line.lower()))
    own = [line for line in ordered if _top(line) in sys.stdlib_module_names]
    others = [line for line in ordered if line not in own]
    return "\n\n".join("\n".join(map(_broken, group)) for group in (own, others) if group)


def _broken(line: str) -> str:
    """Return an import on as many lines as it needs."""
    if len(line) <= 100 or " import " not in line:
        return line
    module, _, names = line.partition(" import ")
    return f"{module} import (\n" + "".join(f"    {one},\n" for one in names.split(", ")) + ")"


def _grouped(parts: Sequence[tuple[Statement, str]]) -> list[str]:
    """Return blocks of text: assignments that stand together, and each function alone."""
    blocks: list[str] = []
    before: Statement | None = None
    for one, text in parts:
        is_next = before is not None and before.kind is Kind.PLAIN and one.kind is Kind.PLAIN
        if is_next and before is not None:
            gap = "\n" if before.where == one.where else "\n\n"
            blocks[-1] = f"{blocks[-1]}{gap}{text}"
        else:
            blocks.append(text)
        before = one
    return blocks


def _load(module: Module) -> str:
    last = f"{module.returns} = "
    *lines, final = module.load
    body = "\n".join(lines)
    if final.startswith(last) and "\n" not in final:
        body += f"\nreturn {final.removeprefix(last)}"
    elif final.startswith("raise "):
        body += f"\n{final}"
    else:
        body += f"\n{final}\nreturn {module.returns}"
    what = "what the steps need" if module.returns.startswith("{") else "what every step is handed"
    return (
        f'def load(model_dir, params):\n    """Return {what}."""\n'
        f"{textwrap.indent(body.strip(chr(10)), '    ')}"
    )


def _bound(line: str) -> set[str]:
    node = ast.parse(line).body[0]
    if not isinstance(node, (ast.Import, ast.ImportFrom)):
        return set()
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}


def _is_assignment(block: str) -> bool:
    lines = [line for line in block.split("\n") if not line.startswith("#")]
    return not lines[0].startswith(("def ", "class ", "@", "async "))


def _top(line: str) -> str:
    return line.split()[1].partition(".")[0]
