"""A package as a typed callable: rows in, rows out, in its own environment."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self, overload

from ketch.errors import Finding, PackageCodeError, Unavailable, UsageError
from ketch.package import Digest, Manifest, Package, Reference
from ketch.runtime.home import Home
from ketch.runtime.prepare import Prepared, prepared
from ketch.runtime.process import Worker
from ketch.runtime.python_values import to_rows
from ketch.schema import Decoder, Row

DEADLINE_S = 60.0


class Predictor:
    """A loaded package: call it with one row, a list of rows, or a DataFrame.

    It runs in its own process and environment, whatever is installed here. Close it,
    or use it as a context manager; it also ends with the process that made it. Calls
    from several threads wait for each other.

    >>> import ketch  # doctest: +SKIP
    >>> recommend = ketch.load("recommender:1.0.0")  # doctest: +SKIP
    >>> recommend({"shopper": "12347", "viewed": [], "hour": 9})  # doctest: +SKIP
    {'items': ['85123A', …], 'scores': [0.91, …]}
    """

    def __init__(self, package: Package, home: Home, *, offline: bool = False) -> None:
        self.package = package
        self._inputs = Decoder(package.manifest.schema.inputs)
        self._outputs = Decoder(package.manifest.schema.outputs)
        self._lock = threading.Lock()
        with ExitStack() as stack:
            self._ready: Prepared = stack.enter_context(prepared(package, home, offline=offline))
            self._running = stack.enter_context(ExitStack())
            self._worker: Worker = self._running.enter_context(self._ready.start())
            self._finalizer = weakref.finalize(self, stack.pop_all().close)

    @property
    def digest(self) -> Digest:
        """Identity of the package."""
        return self.package.digest

    @property
    def contract(self) -> Manifest:
        """What the package declares: schema, pipeline, owner, and the rest."""
        return self.package.manifest

    @overload
    def __call__(self, inputs: Mapping[str, object]) -> Row: ...
    @overload
    def __call__(self, inputs: Iterable[Mapping[str, object]]) -> list[Row]: ...

    def __call__(
        self, inputs: Mapping[str, object] | Iterable[Mapping[str, object]]
    ) -> Row | list[Row]:
        """Answer one row with one row, or many rows with as many.

        Args:
            inputs: A mapping of field names to values; a list of them; or a pandas or
                polars DataFrame, whose missing values count as null. Values may be in
                JSON form or be the Python values they stand for.

        Raises:
            UsageError: The inputs break the schema; every finding is listed.
            PackageCodeError: The package's own code raised.
            Unavailable: The worker died or did not answer in time, or the predictor is
                closed.
        """
        if isinstance(inputs, Mapping):
            return self.predict([inputs])[0]
        return self.predict(inputs)

    def predict(
        self, rows: Iterable[Mapping[str, object]], *, deadline_s: float = DEADLINE_S
    ) -> list[Row]:
        """Answer rows; the same promises as calling the predictor with a list."""
        checked, findings = self._inputs.decode(to_rows(rows))
        if findings:
            raise refused(findings)
        return self.answer(checked, deadline_s=deadline_s)

    def answer(self, rows: Sequence[Row], *, deadline_s: float = DEADLINE_S) -> list[Row]:
        """Answer rows that the schema's decoder has passed already."""
        if not rows:
            return []
        with self._lock:
            answer = self._worker_alive().predict(rows, deadline_s=deadline_s)
        outputs, wrong = self._outputs.decode(answer.rows)
        if wrong:
            raise PackageCodeError(
                f"the answer breaks the package's own schema: {wrong[0].message}",
                code="package-code/answer",
                where=wrong[0].where,
            )
        return outputs

    def close(self) -> None:
        """End the worker and remove its folder; calling it twice is harmless.

        A call that another thread has begun is answered first.
        """
        with self._lock:
            self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Predictor {self.package.reference} {self.digest.short}>"

    def _worker_alive(self) -> Worker:
        """Return the worker, or a new one in place of one that was killed."""
        if not self._finalizer.alive:
            raise Unavailable("the predictor is closed", code="worker/closed", hint="load it again")
        if not self._worker.is_alive:
            self._running.close()
            self._worker = self._running.enter_context(self._ready.start())
        return self._worker


def load(reference: str, *, home: Path | None = None, offline: bool = False) -> Predictor:
    """Return a package from the store as a typed callable.

    Args:
        reference: ``name:version`` or ``name@sha256:…``.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        offline: Use only what lies on this machine.

    Raises:
        NotFound: There is no such package here.
        DigestMismatch: The package is damaged.
        Unavailable: Its environment cannot be built now.
    """
    chosen = Home.default() if home is None else Home(home)
    return Predictor(chosen.open(Reference.parse(reference)), chosen, offline=offline)


def refused(findings: Sequence[Finding]) -> UsageError:
    """Return the error for inputs that break a schema, with every finding."""
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return UsageError(
        f"{first.message}{more}",
        code=first.code,
        where=first.where,
        hint=first.hint,
        findings=findings,
    )
