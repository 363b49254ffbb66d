"""From a package to a worker that has loaded it, in the package's own environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ketch.env import Compiling, Environment, Lock, compiling, top_level_modules
from ketch.errors import UsageError
from ketch.package import EnvironmentDeclaration, Package, imports_for_preload
from ketch.runtime.home import Home
from ketch.runtime.launch import Launch
from ketch.runtime.layout import Layout, lay_out
from ketch.runtime.process import Worker
from ketch.runtime.spare import Spare

START_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Prepared:
    """A package laid out beside its environment, ready to start workers.

    Attributes:
        package: The package.
        environment: Its environment, held for as long as this lasts.
        layout: Where its parts lie.
        data: Data reference name → file that its evaluation may read.
        modules: Libraries that a worker imports before the package's own code.
        bytecode: What is compiled for them.
        second_seed: Hash seed of the worker that is started ahead of its time.
    """

    package: Package
    environment: Environment
    layout: Layout
    data: Mapping[str, Path]
    modules: tuple[str, ...]
    bytecode: Compiling
    second_seed: int | None = None

    @contextmanager
    def start(
        self, hash_seed: int = 0, *, begun: Callable[[Worker], None] = lambda _: None
    ) -> Iterator[Worker]:
        """Yield a worker that has loaded the package; it ends with the block.

        Args:
            hash_seed: Its hash seed.
            begun: Gets the worker before it has loaded anything: closing it from another
                thread ends a start that takes too long.

        Raises:
            PackageCodeError: Importing or loading the package raised.
            Unavailable: The worker died or did not answer in time.
            UsageError: A variable that the package requires is not set.
        """
        with self._spare.take(hash_seed) or Worker.begin(self._launch(hash_seed)) as worker:
            begun(worker)
            self._spare.begin()
            worker.ready()
            manifest = self.package.manifest
            worker.load(
                manifest.pipeline.to_json(),
                params=manifest.params,
                schema=manifest.schema,
                functions=manifest.comparisons,
            )
            if self.bytecode.is_needed:
                self.bytecode.add(worker.modules().uncompiled)
            yield worker

    def close(self) -> None:
        """End the worker that was started ahead and never asked for."""
        self._spare.close()

    @cached_property
    def _spare(self) -> Spare:
        return Spare(self._launch, self.second_seed)

    def _launch(self, hash_seed: int) -> Launch:
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
            preimport=self.modules,
            network=manifest.environment.network,
            memory_bytes=None if memory_mb is None else int(memory_mb * 1e6),
            start_timeout_s=START_TIMEOUT_S,
            hash_seed=hash_seed,
            private=frozenset((*manifest.environment.required, *manifest.environment.secrets)),
        )


@contextmanager
def prepared(
    package: Package,
    home: Home,
    *,
    samples: Mapping[str, Path] | None = None,
    second_seed: int | None = None,
    offline: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Prepared]:
    """Yield a package laid out beside its environment, which is built if need be.

    Args:
        package: The package, in a store.
        home: Where its environment is kept and it may run.
        samples: Data reference name → file, for data that is at hand but not shipped.
        second_seed: Hash seed of a second worker that will be asked for soon after the
            first: it is started early, and imports libraries while the first one works.
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
        data = {**layout.data, **(samples or {})}
        modules = _preload(package, layout, environment)
        with (
            compiling(environment, modules, progress) as bytecode,
            closing(
                Prepared(package, environment, layout, data, modules, bytecode, second_seed)
            ) as ready,
        ):
            yield ready


def _preload(package: Package, layout: Layout, environment: Environment) -> tuple[str, ...]:
    """Return the libraries worth importing before the package's own code."""
    named = imports_for_preload(
        list(layout.code.rglob("*.py")),
        [path for path in layout.model.rglob("*") if path.is_file()],
        top_level_modules(environment),
    )
    if package.manifest.pipeline.takes != "dataframe":
        return named
    return ("pandas", *(name for name in named if name != "pandas"))


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
