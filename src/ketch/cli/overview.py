"""A package on one screen, for a colleague who has never seen it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.text import Text

from ketch.cli.text import moment, size
from ketch.env import Lock
from ketch.package import Attestation, Package
from ketch.schema import Field

Fact = tuple[str, str]


def overview(package: Package, attestations: Sequence[Attestation]) -> Text:
    """Return everything worth knowing, in the order one would ask."""
    manifest = package.manifest
    screen = Text(f"{package.reference}  {package.digest}\n", style="bold")
    screen.append(f"{manifest.description or '(no description)'}\n", style="not bold")
    screen.append("\n")
    _append(screen, _facts(package, attestations))
    screen.append("\ninputs\n")
    _append(screen, _fields(manifest.schema.inputs))
    screen.append("\noutputs\n")
    _append(screen, _fields(manifest.schema.outputs))
    screen.rstrip()
    return screen


def _append(screen: Text, facts: Iterable[Fact]) -> None:
    """Append facts as two columns; a long one runs on rather than being cut."""
    listed = list(facts)
    width = max(len(name) for name, _ in listed)
    for name, value in listed:
        screen.append(f"  {name:<{width}}", style="not bold cyan")
        screen.append(f"  {value}\n", style="not bold")


def _facts(package: Package, attestations: Sequence[Attestation]) -> Iterator[Fact]:
    manifest = package.manifest
    pipeline = manifest.pipeline
    steps = [step for step in (pipeline.load, *pipeline.steps) if step]
    params = ", ".join(f"{key}={value}" for key, value in manifest.params.items())
    yield "owner", manifest.owner
    yield "route", manifest.route or "(none)"
    yield "size", size(package.size_bytes)
    yield "pipeline", " → ".join(steps)
    yield "model", _model(package)
    yield "params", params or "(none)"
    yield "environment", _environment(package)
    for data in manifest.data:
        profile = package.profiles.get(data.name)
        rows = f", {profile.row_count:,} rows" if profile else ""
        version = f" @ {data.version}" if data.version else ""
        yield f"data {data.name}", f"{data.source}{version}{rows}"
    scenarios = [scenario.name for scenario in package.scenarios]
    yield "scenarios", f"{len(scenarios)}: {', '.join(scenarios[:6])}{', …' * (len(scenarios) > 6)}"
    yield "verified", _verified(attestations)
    components = [f"{name} {digest.short}" for name, digest in package.components.items()]
    for start in range(0, len(components), 3):
        yield "" if start else "components", ", ".join(components[start : start + 3])


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
    return f"{verdict}, {moment(str(newest.predicate.get('started')))}"


def _fields(fields: Sequence[Field]) -> Iterator[Fact]:
    types = [f"{field.type}{'?' if field.nullable else ''}" for field in fields]
    width = max(len(text) for text in types)
    for field, text in zip(fields, types, strict=True):
        yield field.name, f"{text:<{width}}  {_limits(field)}".rstrip()


def _limits(field: Field) -> str:
    names = ("min", "max", "max_items", "max_length", "rtol", "atol", "compare")
    limits = [(name, getattr(field, name)) for name in names]
    said = [f"{name} {value}" for name, value in limits if value is not None]
    if field.values is not None:
        said.append(f"one of {', '.join(str(value) for value in field.values)}")
    return ", ".join([*said, *([field.description] if field.description else [])])
