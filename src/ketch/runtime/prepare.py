"""From a package to a worker that has loaded it, in the package's own environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ketch.env import Environment, Lock, top_level_modules
from ketch.errors import UsageError
from ketch.package import EnvironmentDeclaration, Package, imports_for_preload
from ketch.runtime.home import Home
from ketch.runtime.layout import Layout, lay_out
from ketch.runtime.process import Launch, Worker

START_TIMEOUT_S = 120.0
WARM = "ketch-warm.txt"


@dataclass(frozen=True)
class Prepared:
    """A package laid out beside its environment, ready to start workers.

    Attributes:
        package: The package.
        environment: Its environment, held for as long as this lasts.
        layout: Where its parts lie.
        data: Data reference name → file that its evaluation may read.
    """

    package: Package
    environment: Environment
    layout: Layout
    data: Mapping[str, Path]

    @contextmanager
    def start(self, hash_seed: int = 0) -> Iterator[Worker]:
        """Yield a worker that has loaded the package; it ends with the block.

        Raises:
            PackageCodeError: Importing or loading the package raised.
            Unavailable: The worker died or did not answer in time.
            UsageError: A variable that the package requires is not set.
        """
        launch = self._launch(hash_seed)
        with Worker.start(launch) as worker:
            if launch.warm_bytecode:
                _remember_warm(self.environment.path, launch.preimport)
            manifest = self.package.manifest
            worker.load(
                manifest.pipeline.to_json(),
                params=manifest.params,
                schema=manifest.schema,
                functions=manifest.comparisons,
            )
            yield worker

    def _launch(self, hash_seed: int) -> Launch:
        modules = self._preload()
        warmed = _warmed(self.environment.path)
        manifest = self.package.manifest
        memory_mb = manifest.budget.memory_mb
        return Launch(
            python=self.environment.python,
            env_dir=self.environment.path,
            code_dir=self.layout.code,
            model_dir=self.layout.model,
            scratch=self.layout.scratch,
            variables=variables_for(manifest.environment, os.environ),
            readable=tuple(self.data.values()),
            preimport=modules,
            warm_bytecode=not warmed.issuperset(modules),
            network=manifest.environment.network,
            memory_bytes=None if memory_mb is None else int(memory_mb * 1e6),
            start_timeout_s=START_TIMEOUT_S,
            hash_seed=hash_seed,
        )

    def _preload(self) -> tuple[str, ...]:
        """Return the library modules worth importing before the package's own code."""
        return imports_for_preload(
            list(self.layout.code.rglob("*.py")),
            [path for path in self.layout.model.rglob("*") if path.is_file()],
            top_level_modules(self.environment),
        )


@contextmanager
def prepared(
    package: Package,
    home: Home,
    *,
    samples: Mapping[str, Path] | None = None,
    offline: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Prepared]:
    """Yield a package laid out beside its environment, which is built if need be.

    Args:
        package: The package, in a store.
        home: Where its environment is kept and it may run.
        samples: Data reference name → file, for data that is at hand but not shipped.
        offline: Use only what lies on this machine.
        progress: Told what is being done.

    Raises:
        Unavailable: The environment cannot be built now; the hint says why.
        DigestMismatch: Some content of the package is not what its digest says.
    """
    progress("building the environment")
    lock = Lock.parse(package.lock.decode())
    environment = home.environments.ensure(lock, offline=offline, progress=progress)
    with environment.in_use(), home.room() as folder:
        progress("checking every byte")
        layout = lay_out(package, folder)
        yield Prepared(package, environment, layout, {**layout.data, **(samples or {})})


def variables_for(
    environment: EnvironmentDeclaration, outside: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables a package runs with: its own, and those it asks for by name.

    Raises:
        UsageError: A required or secret variable is not set; all of them are named.
    """
    asked = (*environment.required, *environment.secrets)
    missing = [name for name in asked if name not in outside]
    if missing:
        named = ", ".join(f"`{name}`" for name in missing)
        raise UsageError(
            f"the package needs {named}, which {'is' if len(missing) == 1 else 'are'} not set",
            code="environment/variable-missing",
            where="ketch.toml: environment",
            hint="set it where the package runs; values never enter a package",
        )
    return {**environment.variables, **{name: outside[name] for name in asked}}


def _remember_warm(environment: Path, modules: tuple[str, ...]) -> None:
    """Note that the bytecode of these modules lies in the environment."""
    known = _warmed(environment) | set(modules)
    (environment / WARM).write_text("".join(f"{name}\n" for name in sorted(known)))


def _warmed(environment: Path) -> frozenset[str]:
    try:
        return frozenset((environment / WARM).read_text().split())
    except FileNotFoundError:
        return frozenset()
