"""A package as a typed callable: rows in, rows out, in its own environment."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import cached_property
from pathlib import Path
from shlex import quote
from typing import Any, NoReturn, Protocol, Self, overload

from ketch.errors import Finding, PackageCodeError, Unavailable, UsageError
from ketch.package import Digest, Manifest, Package, Reference
from ketch.progress import Progress
from ketch.runtime.growth import Growth
from ketch.runtime.home import Home
from ketch.runtime.licence import depends_on_batch
from ketch.runtime.machine import cores
from ketch.runtime.prepare import prepared
from ketch.runtime.protocol import Answer
from ketch.runtime.python_values import PythonRows
from ketch.runtime.team import Team
from ketch.runtime.typed import documentation, line, signature
from ketch.schema import Decoder, Row

DEADLINE_S = 60.0
_OMITTED: Any = ...

MOST_ROWS = 10_000
"""Rows of one call to a worker; more are answered in several, where that changes no answer."""


class Frame(Protocol):
    """A DataFrame of pandas or polars."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""


class Predictor:
    """A loaded package: call it with one row, a list of rows, or a DataFrame.

    It runs in its own process and environment, whatever is installed here, and in several
    where many rows wait. Close it, or use it as a context manager; it also ends with the
    process that made it. Calls from several threads wait for each other. It cannot be
    copied, pickled, or used in a process that was forked off: such a process loads the
    package itself.

    >>> import ketch  # doctest: +SKIP
    >>> recommend = ketch.load("recommender:1.0.0")  # doctest: +SKIP
    >>> recommend(shopper="12347", viewed=[], hour=9)  # doctest: +SKIP
    {'items': ['85123A', …], 'scores': [0.91, …]}
    """

    def __init__(
        self, package: Package, home: Home, *, offline: bool = False, workers: int | None = None
    ) -> None:
        self.package = package
        self._home = home
        schema = package.manifest.schema
        self._python = PythonRows(schema.inputs)
        self._inputs = Decoder(schema.inputs)
        self._outputs = Decoder(schema.outputs)
        self._lock = threading.Lock()
        self._pid = os.getpid()
        with ExitStack() as stack:
            ready = stack.enter_context(prepared(package, home, offline=offline))
            growth = Growth(workers or cores(), at_once=workers is not None)
            idempotent = not package.manifest.environment.network
            self._team = stack.enter_context(closing(Team(ready, growth, idempotent=idempotent)))
            self._team.begin()
            self._finalizer = weakref.finalize(self, stack.pop_all().close)

    @property
    def digest(self) -> Digest:
        """Identity of the package."""
        return self.package.digest

    @property
    def contract(self) -> Manifest:
        """What the package declares: schema, pipeline, owner, and the rest."""
        return self.package.manifest

    @property
    def output(self) -> str:
        """The last lines that the package printed, to its standard output or error."""
        return self._team.output

    @cached_property
    def depends_on_batch(self) -> bool:
        """Whether its newest verification found that answers depend on the rows beside them."""
        return depends_on_batch(self.digest, self._home.store)

    @overload
    def __call__(self, inputs: Mapping[str, object], /) -> Row: ...
    @overload
    def __call__(self, inputs: Frame | Iterable[Mapping[str, object]], /) -> list[Row]: ...
    @overload
    def __call__(self, /, **values: object) -> Row: ...

    def __call__(
        self,
        inputs: Mapping[str, object] | Frame | Iterable[Mapping[str, object]] = _OMITTED,
        /,
        **values: object,
    ) -> Row | list[Row]:
        """Answer one row with one row, or many rows with as many.

        Args:
            inputs: A mapping of field names to values; a list of them; or a pandas or
                polars DataFrame, where pandas' missing values count as null. Values may be
                in JSON form or be the Python values they stand for.
            values: One row, by field name, in place of ``inputs``.

        Raises:
            UsageError: The inputs break the schema; every finding is listed.
            PackageCodeError: The package's own code raised.
            Unavailable: The worker died or did not answer in time, or the predictor is
                closed.
        """
        if inputs is not _OMITTED and values:
            raise UsageError("expected rows or named values, found both", code="usage/rows")
        if inputs is _OMITTED:
            return self.predict([values])[0]
        if isinstance(inputs, Mapping):
            return self.predict([inputs])[0]
        return self.predict(inputs)

    def predict(
        self, rows: Frame | Iterable[Mapping[str, object]], *, deadline_s: float = DEADLINE_S
    ) -> list[Row]:
        """Answer rows; the same promises as calling the predictor with a list."""
        checked, findings = self._inputs.decode(self._python.read(rows))
        if findings:
            raise refused(self._python.told(findings))
        return self.answer(checked, deadline_s=deadline_s)

    def answer(self, rows: Sequence[Row], *, deadline_s: float = DEADLINE_S) -> list[Row]:
        """Answer rows that the schema's decoder has passed already.

        A package whose answers depend on the rows beside them gets all of them at once.

        Args:
            rows: The rows.
            deadline_s: How long each ten thousand of them may take, in seconds.
        """
        if len(rows) > MOST_ROWS and self.depends_on_batch:
            parts = -(-len(rows) // MOST_ROWS)
            return [row for answers in self.answers([rows], deadline_s * parts) for row in answers]
        batches = (rows[at : at + MOST_ROWS] for at in range(0, len(rows), MOST_ROWS))
        return [row for answers in self.answers(batches, deadline_s) for row in answers]

    def answers(
        self, batches: Iterable[Sequence[Row]], deadline_s: float = DEADLINE_S
    ) -> Generator[list[Row], None, None]:
        """Answer batches of checked rows; the answers come in their order.

        While the package works, further batches are read, and the answer before is the
        caller's to use; more workers help where that pays. Nothing else is answered until it
        ends; close it when it is left before its end.

        Args:
            batches: The rows.
            deadline_s: How long each batch may take, in seconds.

        Raises:
            PackageCodeError, Unavailable: Those batches are done whose answers have come.
        """
        self._check_process()
        first = 0
        with self._lock:
            self._check_open()
            with closing(self._team.answers(batches, deadline_s)) as answers:
                for answer in answers:
                    yield self._checked(answer, first)
                    first += len(answer.rows)

    def close(self) -> None:
        """End the worker and remove its folder; calling it twice is harmless.

        A call that another thread has begun is answered first.
        """
        if os.getpid() == self._pid:  # the lock of a fork may never be free
            with self._lock:
                self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return line(self.package)

    def __reduce__(self) -> NoReturn:
        named = f"ketch.load({str(self.package.reference)!r})"
        raise TypeError(f"a loaded package cannot be copied or pickled; call {named} where it runs")

    def _checked(self, answer: Answer, first: int) -> list[Row]:
        outputs, wrong = self._outputs.decode(answer.rows, first=first)
        if wrong:
            raise PackageCodeError(
                f"the answer breaks the package's own schema: {wrong[0].message}",
                code="package-code/answer",
                where=wrong[0].where,
            )
        return outputs

    def _check_process(self) -> None:
        if os.getpid() != self._pid:  # also the lock may have been copied while it was held
            raise Unavailable(
                "the package was loaded in another process, of which this one is a fork",
                code="worker/forked",
                hint="load it in this process, too",
            )

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise Unavailable("the predictor is closed", code="worker/closed", hint="load it again")


def load(
    reference: str,
    *,
    home: Home | Path | str | None = None,
    offline: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Predictor:
    """Return a package as a typed callable; what only the hub has is fetched first.

    Args:
        reference: ``name:version``, ``name@prod`` or ``name@sha256:…``.
        home: Ketch home; by default ``KETCH_HOME`` or the platform's data folder.
        offline: Use only libraries and interpreters that lie on this machine.
        workers: Most processes that answer many rows side by side. By default one, and
            more while rows wait for it for longer than a start takes, as many as there are
            processors and memory for.
        progress: Told what is being done.

    Raises:
        UsageError: The reference is none, or fewer than one worker is asked for.
        NotFound: There is no such package.
        DigestMismatch: The package is damaged.
        Unavailable: Its environment cannot be built now.
    """
    if workers is not None and workers < 1:
        raise UsageError(f"expected at least `1` worker, found `{workers}`", code="usage/workers")
    chosen = Home.of(home)
    package = chosen.open(_reference(reference), progress=progress)
    return _class_of(package)(package, chosen, offline=offline, workers=workers)


def _reference(text: object) -> Reference:
    """Read a reference; what is a file or a folder instead has to become a package first.

    Raises:
        UsageError: It is none; the hint says what to do.
    """
    if not isinstance(text, str | os.PathLike):
        raise UsageError(
            f"expected a reference such as `shop:1.0.0`, found a Python `{type(text).__name__}`",
            code="reference/syntax",
        )
    named = str(text)
    try:
        return Reference.parse(named)
    except UsageError as problem:
        if named.endswith(".tar") or Path(named).is_file():
            found, verb = "an archive", "verify"
        elif problem.code != "reference/bare" and Path(named).is_dir():
            found, verb = "a folder", "pack"
        else:
            raise
    raise UsageError(
        f"expected a reference such as `shop:1.0.0`, found {found} `{named}`",
        code="reference/syntax",
        hint=f"run `ketch {verb} {quote(named)}`: it says by which name to load the package",
    )


def _class_of(package: Package) -> type[Predictor]:
    """Return a class of its own, for ``help()`` shows what a class says, not an instance."""
    schema = package.manifest.schema
    said = {
        "__doc__": documentation(package),
        "__module__": Predictor.__module__,
        "__signature__": signature(schema.inputs, schema.outputs),
    }
    return type(str(package.manifest.name), (Predictor,), said)


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
