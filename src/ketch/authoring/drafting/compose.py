"""Putting a plan's pieces together: one ``pipeline.py`` and one ``ketch.toml`` to read."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.plan import Piece, Plan
from ketch.authoring.drafting.templates import filled


def pipeline(plan: Plan, title: str, verb: str = "init") -> str:
    """Return ``pipeline.py``: the imports of all pieces, then their functions in order.

    Args:
        plan: The plan.
        title: What it is, in a line.
        verb: The verb of ``ketch`` that writes it.
    """
    imports = {f"import {module}  # the model file names it" for module in plan.imports}
    bodies = []
    for piece in plan.pieces:
        lines, body = _split(piece)
        imports.update(lines)
        bodies.append(body)
    values = {
        "title": literals.docstring(title),
        "verb": verb,
        "imports": f"\n{_sorted(imports)}\n" if imports else "",
        "body": "\n\n\n".join(bodies),
    }
    return filled("folder/pipeline.py", values)


def declaration(
    plan: Plan,
    values: Mapping[str, str],
    *,
    load: str | None = None,
    data: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """Return ``ketch.toml``.

    Args:
        plan: The plan.
        values: ``name``, ``owner``, ``description``, ``python``, and ``pipeline``: the
            file that the pipeline is written to; ``verb`` that writes it, if not ``init``.
        load: The function that loads the model; by default ``load``, where the plan has one.
        data: What is told of each data reference, by its name.
    """
    module = values["pipeline"].removesuffix(".py")
    load = load or ("load" if plan.loads else None)
    text = filled(
        "folder/ketch.toml",
        {
            "name": values["name"],
            "verb": values.get("verb", "init"),
            "params": literals.table("params", plan.params),
            "load": f'load = "{module}:{load}"\n' if load else "",
            "owner": literals.text(values["owner"]),
            "description": literals.text(values["description"]),
            "python": values["python"],
            "takes": plan.takes,
            "steps": ", ".join(f'"{module}:{step}"' for step in plan.steps),
            "inputs": "\n".join(map(literals.field_line, plan.inputs)),
            "outputs": "\n".join(map(literals.field_line, plan.outputs)),
        },
    )
    tables = (literals.table(f"data.{name}", told) for name, told in (data or {}).items())
    return "\n".join([text, *filter(None, tables)]).rstrip("\n") + "\n"


def _split(piece: Piece) -> tuple[list[str], str]:
    """Return the import lines that a piece starts with, and the rest of it."""
    lines = filled(f"pieces/{piece.name}", piece.values).split("\n")
    end = 0
    while end < len(lines) and (not lines[end] or lines[end].startswith(("import ", "from "))):
        end += 1
    imports = [line for line in lines[:end] if line]
    return imports, "\n".join(lines[end:]).strip("\n")


def _sorted(imports: Iterable[str]) -> str:
    """Return import lines as a formatter would: the standard library first."""
    ordered = sorted(imports, key=lambda line: (line.startswith("from "), line))
    own = [line for line in ordered if line.split()[1].partition(".")[0] in sys.stdlib_module_names]
    others = [line for line in ordered if line not in own]
    return "\n\n".join("\n".join(group) for group in (own, others) if group)
