"""Small packages for tests of verification, in memory, run by real workers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.packages import LOCK, manifest

from ketch.package import Digest, Package, Scenario, Sources, open_package
from ketch.package.built import write
from ketch.package.manifest import Budget, Pipeline
from ketch.runtime import Worker
from ketch.store import MemoryStore
from ketch.testing.workers import Rig, schema_of
from ketch.verify import Measured, Report, verify
from ketch.verify.subject import Subject

ECHO = "def run(model, rows):\n    return rows\n"
Rows = Sequence[Mapping[str, object]]


@dataclass
class Bench:
    """Makes packages whose one module is ``pipeline``, and verifies them.

    Attributes:
        rig: Where their workers run.
        store: Where they are kept.
    """

    rig: Rig
    store: MemoryStore = field(default_factory=MemoryStore)

    def package(
        self,
        source: str = ECHO,
        *scenarios: Scenario,
        inputs: Mapping[str, object] | None = None,
        outputs: Mapping[str, object] | None = None,
        steps: Sequence[str] = ("pipeline:run",),
        takes: str = "records",
        more: Mapping[str, str] | None = None,
        **declared: Any,
    ) -> Package:
        """Return a package, by default of one field ``x`` and one scenario that echoes it.

        Args:
            source: Its module ``pipeline``.
            scenarios: What it promises.
            inputs, outputs: Tables of ``ketch.toml``.
            steps, takes: Its pipeline.
            more: More modules, by file name.
            declared: Other attributes of its manifest.
        """
        readme = self.rig.folder / "README.md"
        readme.parent.mkdir(parents=True, exist_ok=True)
        readme.write_text("# shop\n")
        code = {"pipeline.py": source, **(more or {})}
        plain: dict[str, Any] = {"data": (), "params": {}, "evaluate": None, "budget": Budget()}
        of = manifest(
            schema=schema_of(inputs or {"x": "int64"}, outputs or {"x": "int64"}),
            pipeline=Pipeline(tuple(steps), takes=takes),
            **{**plain, **declared},
        )
        of = replace(of, environment=replace(of.environment, secrets=()))
        sources = Sources(
            manifest=of,
            lock=LOCK,
            code={name: text.encode() for name, text in code.items()},
            docs={"README.md": readme},
            scenarios=scenarios or (asks("echo", {"x": 1}, {"x": 1}),),
        )
        files = self.store.put_files([readme])
        return open_package(write(sources, self.store, files=files).digest, self.store)

    def starter(self, package: Package, **changes: object) -> Any:
        """Return what starts a worker that has loaded a package, for a hash seed."""
        modules = {name: content.decode() for name, content in package.code().items()}

        launch = self.rig.launch("", modules)

        @contextmanager
        def start(seed: int) -> Iterator[Worker]:
            with Worker.start(replace(launch, hash_seed=seed, **changes)) as worker:  # type: ignore[arg-type] # Launch says which
                worker.load(
                    package.manifest.pipeline.to_json(),
                    params=package.manifest.params,
                    schema=package.manifest.schema,
                    functions=package.manifest.comparisons,
                )
                yield worker

        return start

    @contextmanager
    def subject(self, package: Package, **changes: Any) -> Iterator[Subject]:
        """Yield a package with a worker that answers for it."""
        start = changes.pop("start", None) or self.starter(package)
        with Subject(package, start, **changes) as subject:
            yield subject

    def verify(self, package: Package, *, deadline_s: float = 20.0, **changes: Any) -> Report:
        """Verify a package."""
        data = changes.pop("data", {})
        references = changes.pop("references", ())
        start = self.starter(package, **changes)
        return verify(package, start, data=data, references=references, deadline_s=deadline_s)


def asks(
    name: str,
    inputs: Mapping[str, object] | Rows,
    expected: Mapping[str, object] | Rows | None = None,
    *,
    error: str | None = None,
) -> Scenario:
    """Return a scenario; one row may stand without its list."""
    single = isinstance(inputs, Mapping)
    return Scenario(
        name,
        _rows(inputs),
        None if expected is None else _rows(expected),
        expected_error=error,
        single=single,
    )


def _rows(rows: Mapping[str, object] | Rows) -> tuple[dict[str, Any], ...]:
    return (dict(rows),) if isinstance(rows, Mapping) else tuple(dict(row) for row in rows)


def report_of(**changes: Any) -> Report:
    """Return a report of a package that kept its contract, with some attributes changed."""
    plain: dict[str, Any] = {
        "name": "hello:1.0.0",
        "digest": Digest.of(b"hello"),
        "scenarios": (),
        "probes": (),
        "metrics": {},
        "measured": Measured(0.5, 1.0, 20.0),
        "setting": {},
        "started": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "duration_s": 1.5,
    }
    return Report(**{**plain, **changes})
