"""A package on one screen, for a colleague who has never seen it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from textwrap import wrap

from rich.text import Text

from ketch.cli.fit import WIDTH, crop
from ketch.cli.text import counted, moment, rows, size
from ketch.env import Lock
from ketch.package import Attestation, Package, Scenario, imported_distributions
from ketch.runtime import Stored
from ketch.schema import Field
from ketch.schema.problems import escaped

NAMED = 6
"""How many files, libraries or scenarios are named; ``--json`` has them all."""

_LINES = 4
_MEASURED = (("latency_ms", "{:.2g} ms a row"), ("memory_mb", "{:.0f} MB"))
_MAIN = (
    *("scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "catboost", "onnxruntime", "torch"),
    *("tensorflow", "keras", "transformers", "statsmodels", "polars", "pandas", "numpy"),
)
"""Libraries that decide what a model answers, also where only the model file needs them."""

Fact = tuple[str, str]


def overview(
    package: Package,
    attestations: Sequence[Attestation],
    stored: Stored | None,
    *,
    archive: Path | None = None,
) -> Text:
    """Return everything worth knowing, in the order one would ask.

    Args:
        package: The package.
        attestations: Its verifications, the newest first.
        stored: What the store holds under its name and version.
        archive: The file it was read from, if it was.
    """
    manifest = package.manifest
    screen = Text(f"{package.reference}  {package.digest}\n", style="bold")
    screen.append(f"{manifest.description or '(no description)'}\n", style="not bold")
    facts = (*_who(package), *_state(package, attestations, stored, archive), *_what(package))
    _section(screen, "", facts)
    _section(screen, "inputs", _fields(manifest.schema.inputs))
    _section(screen, "outputs", _fields(manifest.schema.outputs))
    _section(screen, "data", _data(package))
    _section(screen, "scenarios", _scenarios(package.scenarios))
    screen.rstrip()
    return screen


def _section(screen: Text, title: str, facts: Iterable[Fact]) -> None:
    """Append facts as two columns below a title; a long one is folded."""
    listed = [(name, escaped(value)) for name, value in facts if value]
    if not listed:
        return
    screen.append(f"\n{title}\n" if title else "\n")
    width = max(len(name) for name, _ in listed)
    for name, value in listed:
        lines = wrap(value, WIDTH - width - 4, break_on_hyphens=False, max_lines=_LINES)
        for at, line in enumerate(lines):
            screen.append(f"  {name if at == 0 else '':<{width}}", style="not bold cyan")
            screen.append(f"  {line}\n", style="not bold")


def _who(package: Package) -> Iterator[Fact]:
    manifest = package.manifest
    yield "owner", manifest.owner
    yield "route", manifest.route or ""
    yield "size", f"{size(package.size_bytes)} in {counted(len(package.files), 'file')}"


def _state(
    package: Package,
    attestations: Sequence[Attestation],
    stored: Stored | None,
    archive: Path | None,
) -> Iterator[Fact]:
    """Yield whether it is in the store, and whether it kept its contract."""
    if stored is None:
        verb = "pack" if archive is None else f"verify {quote(str(archive))}"
        yield "stored", f"not yet; `ketch {verb}` verifies and stores it"
    elif stored.digest != package.digest:
        yield "stored", f"another: {stored.digest.short} differs in {', '.join(stored.differs)}"
    if not attestations:
        yield "verified", "never"
        return
    said = attestations[0].predicate
    machine = _table(said.get("machine"))
    verdict = "passed" if attestations[0].passed else "failed"
    on = f"on {machine.get('system')} {machine.get('processor')}" if machine else ""
    yield "verified", f"{verdict} {moment(str(said.get('started')))} {on}".rstrip()
    yield "", ", ".join(f"{name} {value:.4g}" for name, value in _numbers(said.get("metrics")))
    measured = dict(_numbers(said.get("measured")))
    yield "", ", ".join(says.format(measured[key]) for key, says in _MEASURED if key in measured)


def _numbers(table: object) -> Iterator[tuple[str, float]]:
    for name, value in _table(table).items():
        if isinstance(value, int | float):
            yield str(name), value


def _what(package: Package) -> Iterator[Fact]:
    manifest = package.manifest
    pipeline, budget = manifest.pipeline, manifest.budget
    yield "pipeline", _steps([step for step in (pipeline.load, *pipeline.steps) if step])
    yield "code", _listed(sorted(package.code()))
    yield "model", _model(package)
    yield "params", ", ".join(f"{key}={value}" for key, value in manifest.params.items())
    yield "environment", _environment(package)
    yield "", _variables(package)
    limits = [
        f"{budget.latency_ms:g} ms a row" if budget.latency_ms else "",
        f"{budget.memory_mb:g} MB" if budget.memory_mb else "",
    ]
    yield "budget", ", ".join(limit for limit in limits if limit)
    yield "documents", _listed(path for path in sorted(package.files) if path.endswith(".md"))


def _steps(steps: Sequence[str]) -> str:
    """Return the steps in order, by their functions alone when one module has them all."""
    if len({step.partition(":")[0] for step in steps}) > 1:
        return " → ".join(steps)
    return steps[0].partition(":")[0] + ": " + " → ".join(step.partition(":")[2] for step in steps)


def _model(package: Package) -> str:
    files = package.under("model/")
    return _listed(f"{path} {size(layer.size)}" for path, layer in sorted(files.items()))


def _environment(package: Package) -> str:
    """Return the Python and the main libraries: those of the code, and those of models."""
    lock = Lock.parse(package.lock.decode())
    versions = {one.name: one.version for one in lock.packages}
    own = imported_distributions(package.code(), versions, python=lock.python)
    main = dict.fromkeys((*own, *(name for name in _MAIN if name in versions)))
    named = [f"{name} {versions[name]}" for name in main or versions]
    others = [""] * (len(versions) - len(named))
    return f"Python {lock.python}; {_listed([*named, *others]) or 'no libraries'}"


def _variables(package: Package) -> str:
    environment = package.manifest.environment
    said = [f"{name}={value}" for name, value in environment.variables.items()]
    said += [f"needs {name}" for name in environment.required]
    said += [f"needs the secret {name}" for name in environment.secrets]
    said += ["may open connections"] if environment.network else []
    return ", ".join(said)


def _fields(fields: Sequence[Field]) -> Iterator[Fact]:
    types = [f"{field.type}{'?' if field.nullable else ''}" for field in fields]
    width = max(len(crop(text, 30)) for text in types)
    for field, text in zip(fields, types, strict=True):
        yield field.name, f"{text:<{width}}  {_limits(field)}".rstrip()


def _limits(field: Field) -> str:
    said = [f"{name} {_limit(value)}" for name, value in field.to_json().items() if name in _SAID]
    said += ["may be left out"] if field.optional else []
    said += ["personal data"] if field.pii else []
    return "; ".join(filter(None, (", ".join(said), field.description)))


_SAID = ("min", "max", "values", "max_items", "max_length", "rtol", "atol", "compare")


def _limit(value: object) -> str:
    return " | ".join(map(str, value)) if isinstance(value, list) else str(value)


def _data(package: Package) -> Iterator[Fact]:
    for data in package.manifest.data:
        profile = package.profiles.get(data.name)
        said = [data.source + (f" @ {data.version}" if data.version else "")]
        if profile is not None:
            said.append(rows(profile.row_count))
        if profile is not None and profile.time_from and profile.time_to:
            said.append(f"{profile.time_from[:10]} to {profile.time_to[:10]}")
        yield data.name, ", ".join([*said, *(["ships"] if data.ship else [])])


def _scenarios(scenarios: Sequence[Scenario]) -> Iterator[Fact]:
    for scenario in scenarios[:NAMED]:
        error = scenario.expected_error
        answer = f"refused with `{error}`" if error else rows(len(scenario.inputs))
        yield scenario.name, ", ".join(filter(None, (answer, scenario.description)))
    if len(scenarios) > NAMED:
        yield "…", f"and {len(scenarios) - NAMED:,} more"


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    named = [name for name in every[:NAMED] if name]
    more = f" and {len(every) - len(named):,} more" if len(every) > len(named) else ""
    return ", ".join(named) + more


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
