"""The notebook that is running: its functions, the values they read, and what they answer.

What ran is the truth here, not what stands in a file: a function's source is that of the
object, a constant has the value it has now. The history of the kernel tells how each was
written, with its comments.
"""

from __future__ import annotations

import copy
import inspect
import linecache
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from ketch.authoring.drafting.needs import Known, is_version
from ketch.authoring.drafting.project import pins_of
from ketch.authoring.notebook.book import Book
from ketch.authoring.notebook.cells import SCRIPT, Cells, cells_of, read_cells
from ketch.authoring.notebook.data import data_tables
from ketch.authoring.notebook.draft import Draft
from ketch.authoring.notebook.example import Example, example_of
from ketch.authoring.notebook.handed import handed
from ketch.authoring.notebook.kernel import answered
from ketch.authoring.notebook.model_files import Given
from ketch.authoring.notebook.objects import told_by_objects
from ketch.authoring.notebook.places import Places
from ketch.authoring.notebook.statements import statements_of
from ketch.authoring.notebook.taken import take
from ketch.authoring.notebook.trial import Answers
from ketch.errors import UsageError

Function = Callable[..., object]


def draft_live(
    room: Path,
    *,
    steps: Sequence[str | Function],
    load: str | Function | None,
    model: object,
    example: object,
    params: Mapping[str, object],
    data: Mapping[str, object],
) -> Draft:
    """Draft the package of functions that are there now.

    Args:
        room: An empty folder for files that are made of objects.
        steps: The functions that answer, in their order.
        load: The function that loads the model.
        model: A file, an object, or a mapping of names to either.
        example: What the first step takes.
        params: What ``load`` receives.
        data: Data reference name → a file, a DataFrame, or the keys of ``[data.NAME]``.

    Raises:
        UsageError: A step is no function, or nobody knows its source; the model cannot be
            saved; the example is none.
    """
    functions = [_function(one) for one in steps]
    loader = None if load is None else _function(load)
    if not functions:
        raise _no_function("nothing", "steps")
    names = [one.__name__ for one in functions]
    namespace = _namespace(functions)
    read = _cells(namespace, [*functions, *([loader] if loader else [])])
    book = Book(statements_of(read.cells))
    own = {one.__name__: one for one in [*functions, *([loader] if loader else [])]}
    files = handed(model, {**namespace, **own}, names, book, room)
    known_names = {*files.files, *params}
    book = told_by_objects(book, {**namespace, **own}, [*own], known_names)
    given = Given(
        files=files.files,
        lines=files.lines,
        imports=files.imports,
        params=tuple(params),
        load=loader.__name__ if loader else None,
    )
    source = _source(namespace)
    near = frozenset(path.resolve() for path in files.files.values())
    folder = Path.cwd()
    taken = take(names, given, Places(book, folder, near), source=source, title=_title(names))
    seen = None if example is None else example_of(example)
    if seen is not None:
        taken = taken.renaming(seen.columns, seen.takes)
    tables, copied, told = data_tables(data, room)
    there = {**namespace, **files.objects, **params}
    answers = None if seen is None else _answers(functions, example, seen, there)
    return Draft(
        taken=taken.with_files(copied),
        known=Known(pins_of(folder), {}, _installed()),
        example=seen,
        takes=seen.takes if seen else "records",
        params=params,
        data=tables,
        answers=answers,
        installs=read.installs,
        findings=(*read.findings, *files.findings, *told),
    )


def _function(value: object) -> Function:
    if inspect.isfunction(value):
        return value
    what = type(value).__name__
    raise _no_function(f"`{getattr(value, '__name__', what)}` ({what})", "steps")


def _no_function(found: str, where: str) -> UsageError:
    return UsageError(
        f"expected functions that the notebook defines, found {found}",
        code="init/notebook-steps",
        where=where,
        hint="define a function that calls it: `def score(rows): return model.predict(rows)`",
    )


def _namespace(functions: Sequence[Function]) -> dict[str, Any]:
    """Return what the functions see: the notebook's names, and those of functions around them."""
    unwrapped = [inspect.unwrap(one) for one in functions]
    found = dict(getattr(unwrapped[0], "__globals__", {}))
    for one in unwrapped:
        found.update(inspect.getclosurevars(one).nonlocals)
    return found


def _cells(namespace: Mapping[str, Any], functions: Sequence[Function]) -> Cells:
    """Return what ran: the kernel's history, else the sources that the functions came from."""
    history = namespace.get("In")
    if isinstance(history, list) and "get_ipython" in namespace:
        runs = [(number, _without_kernel(str(text))) for number, text in enumerate(history)]
        return cells_of(((number, text, None) for number, text in runs), "In [{}]")
    file = namespace.get("__file__")
    if isinstance(file, str) and Path(file).suffix == SCRIPT and Path(file).is_file():
        return read_cells(Path(file))
    codes = [getattr(inspect.unwrap(one), "__code__", None) for one in functions]
    files = dict.fromkeys(code.co_filename for code in codes if code is not None)
    texts = [(at, "".join(linecache.getlines(one)), None) for at, one in enumerate(files, 1)]
    return cells_of(texts, "source {}")


def _without_kernel(text: str) -> str:
    """Return a run without the calls that IPython wrote for its magics."""
    lines = text.split("\n")
    return "\n".join("" if line.startswith("get_ipython()") else line for line in lines)


def _source(namespace: Mapping[str, Any]) -> str:
    file = namespace.get("__vsc_ipynb_file__") or namespace.get("__file__")
    is_kernel = isinstance(file, str) and "ipykernel" in file
    return "a notebook" if not isinstance(file, str) or is_kernel else Path(file).name


def _title(names: Sequence[str]) -> str:
    return f"Answers with {', '.join(names)}"[:120]


def _installed() -> dict[str, str]:
    """Return what this kernel can import, by distribution."""
    found: dict[str, str] = {}
    for one in distributions():
        if one.name and one.read_text("direct_url.json") is None and is_version(one.version):
            found.setdefault(str(canonicalize_name(one.name)), one.version)
    return found


def _answers(
    functions: Sequence[Function],
    example: object,
    seen: Example,
    there: Mapping[str, Any],
) -> Answers | None:
    some = example.head(20) if hasattr(example, "head") else example
    if isinstance(example, (list, tuple)):
        some = list(example[:20])
    elif isinstance(example, Mapping) and seen.takes == "dataframe":
        return None  # a dict of columns says what a row is, not what the first step gets
    return answered(functions, copy.deepcopy(some), there)
