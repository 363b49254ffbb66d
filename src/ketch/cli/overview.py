"""A package on one screen, for a colleague who has never seen it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from ketch.cli.text import size
from ketch.env import Lock
from ketch.package import Attestation, Package
from ketch.schema import Field


def overview(package: Package, attestations: Sequence[Attestation]) -> Group:
    """Return everything worth knowing, in the order one would ask."""
    manifest = package.manifest
    head = Text(f"{package.reference}  {package.digest}\n", style="bold")
    head.append(manifest.description or "(no description)", style="not bold")
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(package, attestations):
        facts.add_row(Text(name, style="cyan"), Text(value))
    return Group(
        head,
        Text(),
        facts,
        Text(),
        _fields("inputs", manifest.schema.inputs),
        _fields("outputs", manifest.schema.outputs),
    )


def _facts(package: Package, attestations: Sequence[Attestation]) -> Iterator[tuple[str, str]]:
    manifest = package.manifest
    pipeline = manifest.pipeline
    steps = [step for step in (pipeline.load, *pipeline.steps) if step]
    yield "owner", manifest.owner
    yield "route", manifest.route or "(none)"
    yield "size", size(package.size_bytes)
    yield "pipeline", " → ".join(steps)
    yield "model", _model(package)
    yield (
        "params",
        ", ".join(f"{key}={value}" for key, value in manifest.params.items()) or "(none)",
    )
    yield "environment", _environment(package)
    for data in manifest.data:
        profile = package.profiles.get(data.name)
        rows = f", {profile.row_count:,} rows" if profile else ""
        version = f" @ {data.version}" if data.version else ""
        yield f"data {data.name}", f"{data.source}{version}{rows}"
    scenarios = [scenario.name for scenario in package.scenarios]
    yield "scenarios", f"{len(scenarios)}: {', '.join(scenarios[:6])}{', …' * (len(scenarios) > 6)}"
    yield "verified", _verified(attestations)
    for name, digest in package.components.items():
        yield f"  {name}", str(digest)


def _model(package: Package) -> str:
    files = package.under("model/")
    if not files:
        return "(none)"
    listed = [f"{path} {size(layer.size)}" for path, layer in sorted(files.items())]
    more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
    return ", ".join(listed[:4]) + more


def _environment(package: Package) -> str:
    lock = Lock.parse(package.lock.decode())
    libraries = [f"{one.name} {one.version}" for one in lock.packages]
    more = f" and {len(libraries) - 6} more" if len(libraries) > 6 else ""
    listed = ", ".join(libraries[:6]) or "no libraries"
    return f"Python {lock.python}; {listed}{more}"


def _verified(attestations: Sequence[Attestation]) -> str:
    if not attestations:
        return "never"
    newest = attestations[0]
    verdict = "passed" if newest.passed else "failed"
    return f"{verdict} at {newest.predicate.get('started')}"


def _fields(title: str, fields: Sequence[Field]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2), show_header=False)
    for field in fields:
        table.add_row(
            Text(field.name),
            Text(f"{field.type}{'?' if field.nullable else ''}", style="green"),
            Text(_limits(field), style="dim"),
        )
    return table


def _limits(field: Field) -> str:
    names = ("min", "max", "values", "max_items", "max_length", "rtol", "atol", "compare")
    limits = [(name, getattr(field, name)) for name in names]
    said = [f"{name} {value}" for name, value in limits if value is not None]
    return ", ".join([*said, *([field.description] if field.description else [])])
