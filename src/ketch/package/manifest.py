"""Everything a package declares, as values.

``ketch.toml``, and the files of a built package, have these tables; each is a frozen
dataclass below.

=================  ====================================================================
``[package]``      who it is: name, version, owner, route, description
``[pipeline]``     the functions a request passes through
``[inputs]``       the typed request, one row: field name → Arrow type and limits
``[outputs]``      the typed answer, one row, with tolerances for comparing
``[params]``       values that ``load`` receives; any JSON
``[data.NAME]``    where data came from; a sample is profiled, never fetched
``[environment]``  Python, variables, secret names, build policy
``[evaluate]``     offline metrics on validation data
``[budget]``       latency and memory the package promises to stay under
=================  ====================================================================

What each key may be stands in :mod:`ketch.package.ketch_toml`, which also makes the schema
for editors. :mod:`ketch.package.manifest_reader` reads an authored file, or the tables of a
built package, and returns every finding at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ketch.package.names import PackageName, PackageVersion
from ketch.schema import Schema

FORMAT_VERSION = "1"
"""Version of the package format (``docs/reference/format.md``), apart from the code's."""

FILE_NAME = "ketch.toml"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The functions a request passes through, as ``module:function``."""

    steps: tuple[str, ...]
    load: str | None = None
    takes: str = "records"
    include: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return what the worker needs to know."""
        return {"load": self.load, "takes": self.takes, "steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class DataDeclaration:
    """A data reference as its author wrote it; ``sample`` is a path in the folder."""

    name: str
    source: str
    version: str | None = None
    sample: str | None = None
    time_column: str | None = None
    ship: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentDeclaration:
    """What the package runs in; variable values are public, secrets are names."""

    python: str = "3.11"
    requirements: str | None = None
    allow_source_builds: bool | tuple[str, ...] = False
    variables: Mapping[str, str] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    network: bool = False


@dataclass(frozen=True, slots=True)
class Budget:
    """What a package promises to stay under."""

    latency_ms: float | None = None
    memory_mb: float | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything a package declares."""

    name: PackageName
    version: PackageVersion
    owner: str
    pipeline: Pipeline
    schema: Schema
    route: str | None = None
    description: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    data: tuple[DataDeclaration, ...] = ()
    environment: EnvironmentDeclaration = field(default_factory=EnvironmentDeclaration)
    evaluate: str | None = None
    budget: Budget = field(default_factory=Budget)

    @property
    def comparisons(self) -> tuple[str, ...]:
        """The package's own comparison functions, named by output fields."""
        named = (output.compare for output in self.schema.outputs)
        return tuple(dict.fromkeys(name for name in named if name and ":" in name))

    def identity_tables(self) -> dict[str, object]:
        """Return the tables that say who the package is and what it promises."""
        budget = self.budget
        return _present(
            package=_present(
                name=str(self.name),
                version=str(self.version),
                owner=self.owner,
                route=self.route,
                description=self.description or None,
            ),
            evaluate=_present(run=self.evaluate) or None,
            budget=_present(latency_ms=budget.latency_ms, memory_mb=budget.memory_mb) or None,
        )

    def pipeline_table(self) -> dict[str, object]:
        """Return the table that says which functions run; globs are resolved by now."""
        return {"pipeline": _present(**self.pipeline.to_json())}

    def environment_table(self) -> dict[str, object]:
        """Return the table of the environment, without where its lock came from."""
        environment = self.environment
        builds = environment.allow_source_builds
        return {
            "environment": {
                "python": environment.python,
                "allow_source_builds": list(builds) if isinstance(builds, tuple) else builds,
                "variables": dict(environment.variables),
                "required": list(environment.required),
                "secrets": list(environment.secrets),
                "network": environment.network,
            }
        }

    def data_tables(self) -> dict[str, dict[str, object]]:
        """Return the data references by name."""
        return {
            data.name: _present(
                source=data.source,
                version=data.version,
                sample=data.sample,
                time_column=data.time_column,
                ship=data.ship,
            )
            for data in self.data
        }


def _present(**values: object) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}
