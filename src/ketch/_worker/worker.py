"""The worker: runs one package's code inside the package's own environment.

This file is run by path, never imported by ketch. It needs the standard library
only (Python 3.9 or newer), so ketch never constrains what a package pins::

    <base interpreter> -S -s -X utf8 worker.py FD

``FD`` is one end of a socket pair. The base interpreter is started without ``site``,
and the environment is entered only after the sandbox has closed: a ``.pth`` file,
a ``pyvenv.cfg`` or an environment variable that came with a package runs inside too.

Frames
    Four bytes, big-endian: the length. Then that many bytes of UTF-8 JSON. At most
    256 MiB. Each request ``{"op": …}`` gets exactly one reply, in order::

        {"ok": true, "rss_bytes": n, …}
        {"ok": false, "error": {"type", "message", "traceback", "step", "refusal"}, "trace"}

    ``rss_bytes`` is the highest memory the process ever held. ``type`` is the class
    that was raised; ``OutputError`` when an answer does not fit the declared outputs,
    ``MemoryError`` for every kind of it. ``refusal`` tells whether it is a ``ValueError``
    of any kind: the package's way to say that an input is wrong. ``trace`` holds the steps
    that had returned, when they were traced. End of file ends the worker.

Operations
    start     {scratch, code_dir, model_dir, env_dir, python, variables, preimport,
              lifeline, board, die_with_parent, memory_bytes, sandbox, landlock, seccomp}
              -> {python, protocol, sandbox: [{layer, active, detail}]}
              Closes the sandbox, enters the environment, imports ``preimport`` (failures
              are ignored), then puts ``code_dir`` first on ``sys.path``. ``lifeline`` is
              the read end of a pipe: when its other end closes, the kernel kills the
              worker's process group. ``board`` is a file of 256 bytes that names, in UTF-8
              filled up with spaces, the function of the package at work: the parent reads
              it when the worker has died. ``landlock`` {abi, attributes, size, read, write,
              readable, writable} and ``seccomp`` (a BPF program in base64) are what the
              parent decided; null where the kernel has none.
    load      {pipeline: {load, takes, steps}, params, inputs, outputs, functions} -> {}
              ``inputs`` and ``outputs`` are lists of {name, type (wire form), nullable}.
    predict   {rows, trace} -> {rows, steps: [{step, ms}], trace: [{step, rows, fields}]}
    compare   {function, expected, found} -> {result: bool or str}
    evaluate  {function, data: {name: path}} -> {metrics: {name: number}}
    modules   {} -> {modules: [top-level names loaded from the environment],
              uncompiled: [modules of it that have no bytecode beside their source]}

Calling convention
    ``load(model_dir: str, params: dict) -> model`` (``model`` is None without a load),
    then each ``step(model, value) -> value``. The first step gets, by ``takes``:
    ``records`` a list of dicts; ``dataframe`` a pandas DataFrame with the declared types
    (nullable integers are ``Int64``, nullable booleans ``boolean``, timestamps
    ``datetime64``, strings pandas' own kind of string); ``record`` one dict at a time.
    Timestamps become ``datetime`` in the declared zone, or naive; dates ``date``; binary
    ``bytes``; a tensor is a numpy array of its dtype where the environment has numpy,
    otherwise nested lists. The last step returns a list of dicts, a DataFrame or a dict
    of columns (``record``: one dict), one row for each input row. What the schema does
    not declare is left out; what it declares must be there, and fit.
    ``evaluate`` functions are called as ``run(predict, data)``: ``predict(rows)`` takes
    rows as dicts (values as above or in JSON form) and returns answers in JSON form.

Traces
    For each step and field: dtype, count, nulls, min, max, mean, the first values, and
    a SHA-256 over a canonical encoding in which floats keep their exact bits. Equal
    values give equal digests in every process, Python and numpy; a value with no stable
    encoding has the digest null.
"""

from __future__ import annotations

import binascii
import contextlib
import copy
import datetime as dt
import faulthandler
import fcntl
import gc
import hashlib
import importlib
import importlib.machinery
import importlib.util
import json
import math
import mmap
import operator
import os
import re
import resource
import select
import signal
import site
import struct
import sys
import time
import traceback
import zoneinfo

try:
    import ctypes
except ImportError:  # an interpreter built without libffi: no sandbox, and it says so
    ctypes = None  # type: ignore[assignment]

TYPE_CHECKING = False  # `typing` costs 5 ms and is not needed to run
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

PROTOCOL = 1
MAX_FRAME = 256 * 2**20
BOARD = 256


class OutputError(Exception):
    """What the package answered does not fit the outputs it declares."""


class FrameError(Exception):
    """A frame is cut short or too large; nothing after it can be trusted."""


# ---------------------------------------------------------------- frames


def receive(fd: int) -> Any:
    """Return the next request, or None at the end of the conversation."""
    header = _read(fd, 4)
    if header is None:
        return None
    (size,) = struct.unpack(">I", header)
    body = _read(fd, size) if size <= MAX_FRAME else None
    if body is None:
        raise FrameError(f"a frame of {size} bytes did not arrive")
    return json.loads(body)


def _read(fd: int, size: int) -> bytearray | None:
    content = bytearray(size)
    view = memoryview(content)
    while view:
        count = os.readv(fd, [view])
        if count == 0:
            return None
        view = view[count:]
    return content


def send(fd: int, frame: bytes) -> None:
    """Write one frame whole."""
    view = memoryview(struct.pack(">I", len(frame)) + frame)
    while view:
        view = view[os.write(fd, view) :]


_json = json.JSONEncoder(
    allow_nan=False,
    ensure_ascii=False,
    separators=(",", ":"),
    check_circular=False,  # of what we made ourselves; anything else is a RecursionError
).encode


def encode(message: dict[str, Any]) -> bytes:
    """Return a message as JSON; refuse what JSON or a frame cannot hold."""
    try:
        frame = _json(message).encode()
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError is one, too
        raise OutputError(f"the answer cannot be written as JSON: {error}") from error
    if len(frame) > MAX_FRAME:
        raise OutputError(f"the answer has {len(frame)} bytes, more than {MAX_FRAME}")
    return frame


def describe(error: BaseException, step: str | None) -> dict[str, Any]:
    """Return an exception of package code as data, without this file's own frames."""
    kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    try:
        message = str(error)
    except Exception as failure:
        message = f"<its message could not be read: {type(failure).__name__}>"
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace) if trace else []
    return {
        "type": _printable(kind, 200),
        "message": _printable(message, 4_000),
        "traceback": _printable("".join(lines)[-32_000:], 32_000),
        "step": step,
        "refusal": isinstance(error, ValueError),
    }


def _printable(text: str, length: int) -> str:
    return text[:length].encode("utf-8", "backslashreplace").decode()


# ---------------------------------------------------------------- JSON form to Python


def numpy_or_none() -> Any:
    """Return numpy where the environment has it; a tensor's form depends on it."""
    return importlib.import_module("numpy") if importlib.util.find_spec("numpy") else None


def reader(wire: dict[str, Any]) -> Callable[[Any], Any] | None:
    """Return what turns JSON form into Python values; None when they are the same."""
    kind = wire["kind"]
    if kind == "timestamp":
        return _timestamp_reader(wire["zone"])
    if kind == "date32":
        return lambda text: _if_text(dt.date.fromisoformat, text)
    if kind == "binary":
        return lambda text: _if_text(binascii.a2b_base64, text)
    if kind == "list":
        return _list_reader(reader(wire["item"]))
    if kind == "struct":
        return _struct_reader(wire["fields"])
    if kind == "tensor":
        numpy = numpy_or_none()
        return numpy and (lambda nested: numpy.asarray(nested, dtype=wire["dtype"]))
    return None


def _if_text(parse: Callable[[str], Any], value: Any) -> Any:
    """Parse JSON form; leave alone what ``evaluate`` hands over as Python values."""
    return parse(value) if type(value) is str else value


def _timestamp_reader(zone: str | None) -> Callable[[Any], Any]:
    utc = dt.timezone.utc
    local = None if zone is None else utc if zone == "UTC" else zoneinfo.ZoneInfo(zone)

    def parse(text: str) -> dt.datetime:
        # Python 3.9 reads neither `Z` nor nanoseconds; a datetime cannot hold the latter.
        seconds, _, fraction = text.rstrip("Z").partition(".")
        moment = dt.datetime.fromisoformat(seconds)
        moment = moment.replace(microsecond=int(fraction[:6].ljust(6, "0")))
        return moment if local is None else moment.replace(tzinfo=utc).astimezone(local)

    return lambda value: _if_text(parse, value)


def _list_reader(item: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
    return item and (lambda values: [None if v is None else item(v) for v in values])


def _struct_reader(fields: list[dict[str, Any]]) -> Callable[[Any], Any] | None:
    readers = {f["name"]: read for f in fields if (read := reader(f["type"]))}

    def read_all(value: dict[str, Any]) -> dict[str, Any]:
        return {
            name: content if content is None or name not in readers else readers[name](content)
            for name, content in value.items()
        }

    return read_all if readers else None


class Rows:
    """Turns rows in JSON form into what the first step takes."""

    def __init__(self, inputs: list[dict[str, Any]]) -> None:
        self.names = [field["name"] for field in inputs]
        self.readers = [(f["name"], read) for f in inputs if (read := reader(f["type"]))]

    def records(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return one dict a row; an absent field is None."""
        for row in rows:
            if len(row) != len(self.names):
                for name in self.names:
                    row.setdefault(name, None)
            for name, read in self.readers:
                if row[name] is not None:
                    row[name] = read(row[name])
        return rows


class Frame(Rows):
    """Turns rows in JSON form into a pandas DataFrame with the declared types."""

    def __init__(self, inputs: list[dict[str, Any]]) -> None:
        super().__init__(inputs)
        self.pandas: Any = importlib.import_module("pandas")
        self.numpy: Any = importlib.import_module("numpy")
        self.columns = [
            (f["name"], self._column(f["type"], nullable=f["nullable"])) for f in inputs
        ]

    def frame(self, rows: list[dict[str, Any]]) -> Any:
        """Return one DataFrame row for each row, one column for each declared field."""
        columns = {name: build(self._cells(rows, name)) for name, build in self.columns}
        return self.pandas.DataFrame(columns)

    @staticmethod
    def _cells(rows: list[dict[str, Any]], name: str) -> list[Any]:
        try:
            return list(map(operator.itemgetter(name), rows))
        except KeyError:  # an absent field is None
            return [row.get(name) for row in rows]

    def _column(self, wire: dict[str, Any], *, nullable: bool) -> Callable[[list[Any]], Any]:
        pandas, numpy, kind = self.pandas, self.numpy, wire["kind"]
        if kind == "timestamp":
            return lambda values: self._moments(values, wire["unit"], wire["zone"])
        if kind == "string" and pandas.Series(["a"]).dtype != object:  # pandas 3
            return lambda values: pandas.array(values, dtype="str")
        if kind.startswith("float") or (not nullable and re.match("u?int|bool", kind)):
            return lambda values: numpy.array(values, dtype=kind)
        if kind == "bool":
            return lambda values: pandas.array(values, dtype="boolean")
        if re.match("u?int", kind):
            dtype = kind.replace("i", "I").replace("uI", "UI")
            return lambda values: pandas.array(values, dtype=dtype)
        read = reader(wire)
        return lambda values: self._objects(values, read)

    def _moments(self, values: list[Any], unit: str, zone: str | None) -> Any:
        if not all(v is None or type(v) is str for v in values):
            series = self.pandas.Series(self.pandas.to_datetime(values, utc=zone is not None))
            return series if zone is None else series.dt.tz_convert(zone)
        texts = ["NaT" if v is None else v.rstrip("Z") for v in values]
        series = self.pandas.Series(self.numpy.array(texts, dtype=f"datetime64[{unit}]"))
        return series if zone is None else series.dt.tz_localize("UTC").dt.tz_convert(zone)

    def _objects(self, values: list[Any], read: Callable[[Any], Any] | None) -> Any:
        column = self.numpy.empty(len(values), dtype=object)
        for index, value in enumerate(values):  # one by one: numpy would unpack lists
            column[index] = read(value) if read and value is not None else value
        return column


# ---------------------------------------------------------------- Python to JSON form


def plain(value: Any) -> Any:
    """Return a numpy scalar as the Python value it stands for, anything else as it is."""
    if getattr(value, "shape", None) != () or not hasattr(value, "item"):
        return value
    if getattr(getattr(value, "dtype", None), "kind", "?") in "mM":
        return value  # `.item()` of nanosecond times would be a bare integer
    return value.item()


def is_missing(value: Any) -> bool:
    """Tell None, NaN, NaT and pandas' NA."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return True
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return type(value).__name__ == "datetime64" and str(value) == "NaT"


def writer(wire: dict[str, Any], *, nullable: bool) -> Callable[[Any], Any]:
    """Return what turns a Python value into JSON form, or raises OutputError."""
    kind = wire["kind"]
    write = _write_of(wire)

    def convert(value: Any) -> Any:
        value = plain(value)
        if is_missing(value):
            if nullable:
                return None
            raise OutputError(f"expected `{kind}`, found `{value}`")
        return write(value)

    return convert


def _write_of(wire: dict[str, Any]) -> Callable[[Any], Any]:
    kind = wire["kind"]
    if kind == "list":
        return _list_writer(writer(wire["item"], nullable=False))
    if kind == "struct":
        return _struct_writer(wire["fields"])
    if kind == "tensor":
        item = writer({"kind": wire["dtype"]}, nullable=False)
        return lambda value: _write_tensor(value, wire["shape"], item)
    if kind == "timestamp":
        return lambda value: _write_timestamp(value, zoned=wire["zone"] is not None)
    if "int" in kind:
        low, high = _range_of(kind)
        return lambda value: _write_integer(value, kind, low, high)
    if kind.startswith("float"):
        return lambda value: _write_float(value, kind)
    return {
        "bool": lambda v: v if type(v) is bool else _unfit(v, "bool"),
        "string": lambda v: str(v) if isinstance(v, str) else _unfit(v, "string"),
        "binary": _write_binary,
        "date32": _write_date,
    }[kind]


def passer(wire: dict[str, Any]) -> Callable[[Sequence[Any]], bool] | None:
    """Return what tells that all cells of a column are in JSON form as they are, if that is quick.

    None where there is nothing quick to tell; a column it does not pass is written cell by cell.
    """
    kind = wire["kind"]
    if kind.startswith("float"):
        return lambda cells: set(map(type, cells)) == {float} and all(map(math.isfinite, cells))
    if kind in ("string", "bool"):
        plain_type = {str} if kind == "string" else {bool}
        return lambda cells: set(map(type, cells)) == plain_type
    if "int" in kind:
        low, high = _range_of(kind)
        return lambda cells: (
            set(map(type, cells)) == {int} and low <= min(cells) and max(cells) < high
        )
    return None


def _range_of(kind: str) -> tuple[int, int]:
    bits = int(kind.rpartition("int")[2])
    return (0, 2**bits) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))


def _unfit(value: Any, kind: str) -> Any:
    raise OutputError(f"expected `{kind}`, found `{type(value).__name__}` `{repr(value)[:80]}`")


def _write_integer(value: Any, kind: str, low: int, high: int) -> int:
    if isinstance(value, float) and value.is_integer():  # pandas' integers beside a null
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value < high:
        _unfit(value, kind)
    return int(value)


def _write_float(value: Any, kind: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        _unfit(value, kind)
    try:
        number = float(value)
    except OverflowError:
        return float(_unfit(value, kind))
    return number if math.isfinite(number) else _unfit(value, f"finite {kind}")


def _write_binary(value: Any) -> str:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        _unfit(value, "binary")
    return binascii.b2a_base64(value, newline=False).decode()


def _write_date(value: Any) -> str:
    if isinstance(value, dt.datetime):  # pandas has no dates, only midnights
        midnight = value.tzinfo is None and value.time() == dt.time()
        return value.date().isoformat() if midnight else str(_unfit(value, "date32"))
    return value.isoformat() if isinstance(value, dt.date) else str(_unfit(value, "date32"))


def _write_timestamp(value: Any, *, zoned: bool) -> str:
    kind = f"timestamp {'with' if zoned else 'without'} a zone"
    if type(value).__name__ == "datetime64" and not zoned:
        coarse = value.dtype.name[11:-1] in ("Y", "M", "W", "D", "h", "m")
        return _normal(str(value.astype("datetime64[s]") if coarse else value))
    if not isinstance(value, dt.datetime) or (value.tzinfo is not None) != zoned:
        _unfit(value, kind)
    if not zoned:
        return _normal(value.isoformat())
    return _normal(value.astimezone(dt.timezone.utc).isoformat()[: -len("+00:00")]) + "Z"


def _normal(moment: str) -> str:
    """Write a fraction of a second as the schema does: 3, 6 or 9 digits, or none."""
    seconds, _, fraction = moment.partition(".")
    digits = fraction.rstrip("0")
    return f"{seconds}.{digits.ljust(-len(digits) // 3 * -3, '0')}" if digits else seconds


def _items(value: Any, kind: str) -> Any:
    """Return the items of a list, tuple, array or Series; numbers as Python numbers."""
    if isinstance(value, (list, tuple)):
        return value
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        return list(value)  # `.tolist()` of nanosecond times would be bare integers
    for name in ("tolist", "to_list"):  # numpy, pandas, torch; polars
        if hasattr(value, name):
            items = getattr(value, name)()
            return items if isinstance(items, list) else _unfit(value, kind)
    return _unfit(value, kind)


def _list_writer(item: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: [item(v) for v in _items(value, "list")]


def _struct_writer(fields: list[dict[str, Any]]) -> Callable[[Any], Any]:
    writers = [(f["name"], writer(f["type"], nullable=f["nullable"])) for f in fields]

    def write(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            _unfit(value, "struct")
        return {name: write_one(value.get(name)) for name, write_one in writers}

    return write


def _write_tensor(value: Any, shape: list[int], item: Callable[[Any], Any]) -> Any:
    if not shape:
        return item(value)
    items = _items(value, "tensor")
    if shape[0] not in (-1, len(items)):
        raise OutputError(f"expected {shape[0]} items in a tensor, found {len(items)}")
    return [_write_tensor(each, shape[1:], item) for each in items]


class Answers:
    """Turns what the last step returned into rows in JSON form."""

    def __init__(self, outputs: list[dict[str, Any]]) -> None:
        self.writers = [(f["name"], writer(f["type"], nullable=f["nullable"])) for f in outputs]
        self.passers = {f["name"]: passes for f in outputs if (passes := passer(f["type"]))}

    def rows(self, value: Any, count: int) -> list[dict[str, Any]]:
        """Return ``count`` rows holding exactly the declared outputs."""
        if isinstance(value, (list, tuple)):
            return self._from_dicts(value, count)
        if not isinstance(value, dict) and not is_table(value):
            found = type(value).__name__
            raise OutputError(
                f"expected a list of dicts, a DataFrame or a dict of columns, found `{found}`"
            )
        columns = [self._column(value, name, write, count) for name, write in self.writers]
        names = [name for name, _ in self.writers]
        return [dict(zip(names, cells)) for cells in zip(*columns)]

    def _from_dicts(self, rows: Sequence[Any], count: int) -> list[dict[str, Any]]:
        if len(rows) != count:
            raise OutputError(f"expected {count} rows, found {len(rows)}")
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise OutputError(f"expected a dict at row {index}, found `{type(row).__name__}`")
        columns = [
            self._cells([row.get(name, row) for row in rows], name, write, rows)
            for name, write in self.writers
        ]
        names = [name for name, _ in self.writers]
        return [dict(zip(names, cells)) for cells in zip(*columns)]

    def _column(
        self, table: Any, name: str, write: Callable[[Any], Any], count: int
    ) -> Sequence[Any]:
        if name not in (table if isinstance(table, dict) else table.columns):
            raise OutputError(f"expected the output `{name}`, found none of that name")
        try:
            cells = _items(table[name], "column")
        except OutputError as error:
            raise OutputError(f"output `{name}`: {error}") from None
        if len(cells) != count:
            raise OutputError(f"output `{name}`: expected {count} rows, found {len(cells)}")
        return self._cells(cells, name, write)

    def _cells(
        self,
        cells: Sequence[Any],
        name: str,
        write: Callable[[Any], Any],
        owners: Sequence[Any] = (),
    ) -> Sequence[Any]:
        passes = self.passers.get(name)
        if passes is not None and passes(cells):
            return cells
        written = []
        for index, cell in enumerate(cells):
            if owners and cell is owners[index]:  # the row itself marks an absent key
                raise OutputError(f"expected the output `{name}` in row {index}, found none")
            try:
                written.append(write(cell))
            except OutputError as error:
                raise OutputError(f"output `{name}`, row {index}: {error}") from None
        return written


# ---------------------------------------------------------------- traces


def is_table(value: Any) -> bool:
    """Tell a DataFrame (pandas, polars and their like) without importing any."""
    return hasattr(value, "columns") and hasattr(value, "dtypes") and hasattr(value, "shape")


def canonical(value: Any) -> Iterator[bytes]:
    """Yield the encoding that digests are made of; equal values, equal bytes.

    Raises:
        OutputError: The value has no stable form, such as one that prints its address.
    """
    value = plain(value)
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        yield b"N"
    elif isinstance(value, bool):
        yield b"T" if value else b"F"
    elif isinstance(value, int):
        yield b"i%d;" % value
    elif isinstance(value, float):  # one NaN: its sign and payload depend on the machine
        yield b"f" + struct.pack(">d", math.nan if value != value else value)  # noqa: PLR0124
    elif isinstance(value, (str, bytes, bytearray)):
        is_text = isinstance(value, str)
        content = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        yield (b"s%d:" if is_text else b"b%d:") % len(content)
        yield bytes(content)
    elif isinstance(value, dict):
        pairs = ((b"".join(canonical(k)), b"".join(canonical(v))) for k, v in value.items())
        yield b"m%d:" % len(value)
        yield b"".join(key + content for key, content in sorted(pairs))
    elif isinstance(value, (set, frozenset)):
        yield b"u%d:" % len(value) + b"".join(sorted(b"".join(canonical(v)) for v in value))
    elif isinstance(value, (list, tuple)):
        yield b"l%d:" % len(value)
        for item in value:
            yield from canonical(item)
    else:
        yield from _canonical_object(value)


def _canonical_object(value: Any) -> Iterator[bytes]:
    name = type(value).__name__
    if isinstance(value, dt.datetime):
        zoned = value.tzinfo is not None
        yield b"d" + _write_timestamp(value, zoned=zoned).encode()
    elif name == "datetime64":
        yield b"N" if is_missing(value) else b"d" + _write_timestamp(value, zoned=False).encode()
    elif hasattr(value, "tocsr"):  # a scipy sparse matrix prints nothing of its content
        rows = value.tocsr(copy=True)
        rows.sum_duplicates()
        for part in (rows.shape, rows.indptr, rows.indices, rows.data):
            yield from canonical(part if isinstance(part, tuple) else part.tolist())
    elif hasattr(value, "tolist") and hasattr(value, "shape"):
        yield from canonical(_items(value, "array"))
    elif is_table(value):
        yield from canonical({str(c): _items(value[c], "column") for c in value.columns})
    else:
        text = repr(value)
        if " at 0x" in text or " object at " in text:
            raise OutputError(f"`{name}` has no stable form")
        yield from canonical([f"{type(value).__module__}.{name}", text])


def digest(value: Any) -> str | None:
    """Return the SHA-256 of a value's canonical encoding, null when it has none."""
    sha = hashlib.sha256()
    try:
        for part in canonical(value):
            sha.update(part)
    except (OutputError, RecursionError):
        return None
    return "sha256:" + sha.hexdigest()


def summary(name: str, cells: Sequence[Any], dtype: str | None = None) -> dict[str, Any]:
    """Return what a trace keeps of one field."""
    values = [plain(cell) for cell in cells]
    present = [v for v in values if not is_missing(v)]
    numbers = [v for v in present if isinstance(v, (int, float)) and not isinstance(v, bool)]
    finite = [v for v in numbers if math.isfinite(v)] if len(numbers) == len(present) else []
    kinds = sorted({type(v).__name__ for v in present})
    return {
        "name": _printable(name, 200),
        "dtype": dtype or "|".join(kinds[:4]) or "null",
        "count": len(values),
        "nulls": len(values) - len(present),
        "digest": digest(values),
        "min": glimpse(min(finite)) if finite else None,
        "max": glimpse(max(finite)) if finite else None,
        "mean": _mean(finite),
        "head": [glimpse(v) for v in values[:16]],
    }


def _mean(numbers: list[Any]) -> float | None:
    try:
        mean = math.fsum(numbers) / len(numbers)
    except (OverflowError, ZeroDivisionError):
        return None
    return mean if math.isfinite(mean) else None


def glimpse(value: Any, depth: int = 3) -> Any:
    """Return a value small enough to print, in JSON's types; for eyes, not for use."""
    value = plain(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return _printable(value, 200)
    if depth and isinstance(value, dict):
        pairs = list(value.items())[:16]
        return {_printable(str(k), 200): glimpse(v, depth - 1) for k, v in pairs}
    if depth and hasattr(value, "tolist") and getattr(value, "shape", None):
        value = value[:16].tolist()
    if depth and isinstance(value, (list, tuple)):
        return [glimpse(v, depth - 1) for v in value[:16]]
    return _printable(repr(value), 200)


def fields_of(value: Any) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of rows and the summary of each field of what a step returned."""
    shape: tuple[int, ...] = getattr(value, "shape", ())
    if is_table(value):
        named = [(str(c), value[c]) for c in value.columns]
        return shape[0], [summary(n, _items(c, "column"), str(c.dtype)) for n, c in named]
    if hasattr(value, "tolist") and shape and len(shape) <= 2:
        return shape[0], list(_array_fields(value, shape))
    if isinstance(value, dict):
        sizes = {len(c) if _is_column(c) else -1 for c in value.values()}
        if len(sizes) == 1 and -1 not in sizes:
            columns = [(str(n), c, getattr(c, "dtype", None)) for n, c in value.items()]
            fields = [summary(n, _items(c, "column"), d and str(d)) for n, c, d in columns]
            return sizes.pop(), fields
        value = [value]
    if isinstance(value, (list, tuple)) and value and all(isinstance(r, dict) for r in value):
        names = list(dict.fromkeys(name for row in value for name in row))
        return len(value), [summary(str(n), [row.get(n) for row in value]) for n in names]
    if isinstance(value, list):
        return len(value), [summary("value", value)]
    return 1, [summary("value", [value], type(value).__name__)]


def _is_column(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or (hasattr(value, "tolist") and len(value.shape) == 1)


def _array_fields(array: Any, shape: tuple[int, ...]) -> Iterator[dict[str, Any]]:
    dtype = str(getattr(array, "dtype", ""))
    if len(shape) == 1:
        yield summary("value", _items(array, "array"), dtype)
        return
    columns = min(shape[1], 64)
    for index in range(columns):
        yield summary(str(index), array[:, index].tolist(), dtype)
    if shape[1] > columns:
        yield summary(f"{columns}:", array[:, columns:].tolist(), dtype)


# ---------------------------------------------------------------- the package


def _snapshot(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:  # such as a lock inside: then the value itself must do
        return value


class Package:
    """The package's functions, ready to call."""

    def __init__(self, request: dict[str, Any], at: Callable[[str | None], None]) -> None:
        self.at = at  # says which function runs, for the report when one raises
        self.seen: dict[str, list[Any]] = {}  # step -> what it returned, while that is traced
        pipeline = request["pipeline"]
        self.takes = pipeline["takes"]
        inputs = request["inputs"]
        self.input: Rows = Frame(inputs) if self.takes == "dataframe" else Rows(inputs)
        self.answers = Answers(request["outputs"])
        self.functions = {name: self.resolve(name) for name in request["functions"]}
        self.steps = [(name, self.resolve(name)) for name in pipeline["steps"]]
        self.model = None
        if pipeline["load"] is not None:
            load = self.resolve(pipeline["load"])
            self.model = load(request["model_dir"], request["params"])
        at(None)

    def resolve(self, name: str) -> Callable[..., Any]:
        """Import ``module:function``."""
        self.at(name)
        module, _, path = name.partition(":")
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]

    def predict(self, rows: list[dict[str, Any]], *, trace: bool = False) -> dict[str, Any]:
        """Run every step over the rows."""
        spent = dict.fromkeys((name for name, _ in self.steps), 0.0)
        self.seen = {name: [] for name in spent} if trace else {}
        self.at("inputs")
        if self.takes == "record":
            value: Any = [self._run(record, spent) for record in self.input.records(rows)]
        elif isinstance(self.input, Frame):
            value = self._run(self.input.frame(rows), spent)
        else:
            value = self._run(self.input.records(rows), spent)
        self.at("outputs")
        return {
            "rows": self.answers.rows(value, len(rows)),
            "steps": [{"step": name, "ms": round(ms, 4)} for name, ms in spent.items()],
            "trace": self.trace(),
        }

    def _run(self, value: Any, spent: dict[str, float]) -> Any:
        for name, step in self.steps:
            self.at(name)
            began = time.perf_counter()
            value = step(self.model, value)
            spent[name] += (time.perf_counter() - began) * 1_000
            if self.seen:  # at once: a later step may change the value in place
                entry = _snapshot(value) if self.takes == "record" else self._entry(name, value)
                self.seen[name].append(entry)
        return value

    def trace(self) -> list[dict[str, Any]]:
        """Return, once, what the traced steps have returned."""
        seen, self.seen = self.seen, {}
        if self.takes == "record":
            return [self._entry(name, values) for name, values in seen.items() if values]
        return [entry for name in seen for entry in seen[name]]

    @staticmethod
    def _entry(name: str, value: Any) -> dict[str, Any]:
        rows, fields = fields_of(value)
        return {"step": name, "rows": rows, "fields": fields}

    def compare(self, function: str, expected: Any, found: Any) -> bool | str:
        """Ask the package whether two values agree."""
        compare = self.functions.get(function) or self.resolve(function)
        self.at(function)
        verdict = plain(compare(expected, found))
        return verdict if isinstance(verdict, (bool, str)) else str(_unfit(verdict, "bool or str"))

    def evaluate(self, function: str, data: dict[str, str]) -> dict[str, float]:
        """Run the package's own offline evaluation."""
        run = self.functions.get(function) or self.resolve(function)

        def predict(rows: Any) -> list[dict[str, Any]]:
            records = rows.to_dict("records") if is_table(rows) else [dict(row) for row in rows]
            clean = [{k: None if is_missing(v) else v for k, v in r.items()} for r in records]
            answers: list[dict[str, Any]] = self.predict(clean)["rows"]
            self.at(function)
            return answers

        self.at(function)
        metrics = run(predict, data)
        if not isinstance(metrics, dict):
            _unfit(metrics, "dict of metrics")
        found, wrong = {}, []
        for name, value in metrics.items():
            try:
                found[str(name)] = _write_float(plain(value), "number")
            except OutputError as error:
                wrong.append(f"metric `{name}`: {error}")
        if wrong:
            raise OutputError("; ".join(wrong))
        return found


# ---------------------------------------------------------------- the sandbox


class Inactive(Exception):
    """A layer of the sandbox could not be put up; the message says why."""


def close_sandbox(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Put up every layer that was asked for and that this kernel has."""
    layers: list[dict[str, Any]] = []

    def layer(name: str, put_up: Callable[[Any], str], asked: Any) -> None:
        active, detail = False, "not asked for"
        if asked:
            try:
                active, detail = True, put_up(asked)
            except (Inactive, OSError, ValueError) as reason:
                active, detail = False, str(reason)
        layers.append({"layer": name, "active": active, "detail": detail})

    asked = request["sandbox"]
    rules = request["landlock"]
    layer("session", _session, asked=True)
    layer("lifeline", _lifeline, request["lifeline"])
    layer("parent-death", _parent_death, request["die_with_parent"])
    layer("limits", _limits, asked)
    layer("memory", _memory, request["memory_bytes"])
    layer("capabilities", _capabilities, asked)
    layer("no-new-privileges", _no_new_privileges, asked)
    layer("landlock", lambda rules: _landlock(rules, _interpreter_files()), asked and rules)
    layer("seccomp", _seccomp, asked and request["seccomp"])
    return layers


def _session(_: Any) -> str:
    if os.getsid(0) != os.getpid():
        raise Inactive("the parent started no session")
    return "a session of its own"


def _lifeline(fd: int) -> str:
    """Have the kernel kill the group when the parent's end of a pipe closes.

    A thread waiting for it would need the interpreter's lock, which native code of a
    package may hold for ever; and package code could replace what the thread calls.
    """
    set_signal = 10  # F_SETSIG, which the fcntl module does not name
    fcntl.fcntl(fd, fcntl.F_SETOWN, -os.getpgid(0))
    fcntl.fcntl(fd, set_signal, signal.SIGKILL)
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | fcntl.FASYNC)
    if select.select([fd], [], [], 0)[0]:  # the parent ended before we listened
        os.killpg(0, signal.SIGKILL)
    return "a closed pipe kills the process group"


def _limits(_: Any) -> str:
    # The kernel counts tasks of the whole user, so the limit is relative to all there are.
    with open("/proc/loadavg", encoding="ascii") as file:
        tasks = int(file.read().split()[3].partition("/")[2])
    more = 512 + 16 * (os.cpu_count() or 1)
    wanted = {"CORE": 0, "NOFILE": 4_096, "FSIZE": 4 * 2**30, "NPROC": tasks + more}
    for name, most in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (value, value))
    root = "; the process limit does not bind root" if os.getuid() == 0 else ""
    return f"CORE 0, NOFILE 4096, FSIZE {4 * 2**30}, NPROC {more} more than there are" + root


def _memory(most: int) -> str:
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return f"{most} bytes of private memory"


def _libc() -> Any:
    if ctypes is None or sys.platform != "linux":
        raise Inactive("needs Linux, and an interpreter with ctypes")
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _capabilities(_: Any) -> str:
    """Give up every capability but reading files, which Landlock then narrows."""
    libc = _libc()
    header = struct.pack("Ii", 0x20080522, 0)
    held = ctypes.create_string_buffer(24)
    _check(libc.capget(header, held))
    effective, permitted = struct.unpack_from("II", held.raw)
    read_search = 1 << 2  # a store may belong to another user than the one serving it
    kept = struct.pack("6I", effective & read_search, permitted & read_search, 0, 0, 0, 0)
    _check(libc.capset(header, kept))
    return "all given up, but reading files" if permitted else "none held"


def _no_new_privileges(_: Any) -> str:
    _check(_libc().prctl(38, 1, 0, 0, 0))
    return "set-user-id programs gain nothing"


def _parent_death(_: Any) -> str:
    _check(_libc().prctl(1, int(signal.SIGKILL), 0, 0, 0))
    return "killed with the parent's main thread"


def _landlock(rules: dict[str, Any], own: tuple[str, ...]) -> str:
    """Set the parent's rules (https://docs.kernel.org/userspace-api/landlock.html).

    ``own`` is what this interpreter itself has to read. What the rules handle and grant
    nowhere is refused everywhere, execution among it.
    """
    libc = _libc()
    attributes = struct.pack("QQQ", *rules["attributes"])[: rules["size"]]
    ruleset = _check(libc.syscall(444, attributes, ctypes.c_size_t(len(attributes)), 0))
    for paths, rights in ((own, rules["read"]), (rules["readable"], rules["read"])):
        for path in paths:
            _allow(libc, ruleset, path, rights)
    for path in rules["writable"]:
        _allow(libc, ruleset, path, rules["write"])
    _check(libc.syscall(446, ruleset, 0))
    os.close(ruleset)
    return f"ABI {rules['abi']}; writes to its scratch folder only"


def _allow(libc: Any, ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no rule
    if not os.path.isdir(path):
        rights &= 0b1100_0000_0000_0111  # the rights that a single file can have
    _check(libc.syscall(445, ruleset, 1, struct.pack("=Qi", rights, fd), 0))
    if path != "/proc/self":  # held open: /proc may forget an inode, and the rule with it
        os.close(fd)


def _interpreter_files() -> tuple[str, ...]:
    """Return what the running interpreter reads of itself, from before any environment."""
    library = [os.path.join(sys.base_prefix, name) for name in ("lib", sys.platlibdir)]
    return (*library, os.path.dirname(os.__file__), os.path.realpath(sys.executable))


def _seccomp(program: str) -> str:
    """Set the parent's filter of system calls; the kernel runs it from now on."""
    content = binascii.a2b_base64(program)
    libc = _libc()
    code = ctypes.create_string_buffer(content, len(content))
    pointer = struct.pack("HxxxxxxQ", len(content) // 8, ctypes.addressof(code))
    _check(libc.prctl(22, 2, pointer, 0, 0))
    return f"{len(content) // 8} instructions"


# ---------------------------------------------------------------- the conversation


def lacks_bytecode(source: str) -> bool:
    """Tell a source that was compiled for this process alone: nothing is kept from here."""
    is_source = source.endswith(".py")
    return is_source and not os.path.exists(importlib.util.cache_from_source(source))


class Session:
    """One conversation: requests in, replies out, in order."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.running: str | None = None  # the function at work, for reports
        self.board: Any = bytearray(BOARD)
        self.request: dict[str, Any] = {}
        self.package: Package | None = None
        try:  # opened now: the kernel's own peak, where getrusage counts the parent's too
            self.status = os.open("/proc/self/status", os.O_RDONLY)
        except OSError:
            self.status = -1

    def answer(self, request: dict[str, Any]) -> bytes:
        """Return the reply to a request; whatever package code raises is part of it."""
        self._run(None)
        try:
            reply = getattr(self, "do_" + request["op"])(request)
            frame = encode({"ok": True, "rss_bytes": self.peak_rss(), **reply})
        except BaseException as error:
            failure = describe(error, self.running)
            frame = encode({"ok": False, "error": failure, "trace": self.so_far()})
        if os.getpid() != self.pid:
            os._exit(0)  # a child that package code forked came back here: not its place
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(AttributeError, OSError, ValueError):
                stream.flush()  # type: ignore[union-attr] # unless package code took it away
        return frame

    def so_far(self) -> list[dict[str, Any]]:
        """Return what the steps returned before one failed."""
        try:
            return [] if self.package is None else self.package.trace()
        except BaseException:
            return []  # what they returned is what cannot be looked at

    def peak_rss(self) -> int:
        """Return the most memory this process ever held, in bytes."""
        if self.status >= 0:
            found = re.search(rb"VmHWM:\s+(\d+) kB", os.pread(self.status, 4096, 0))
            if found:
                return int(found[1]) * 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def do_start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Close the sandbox, then enter the environment."""
        sys.dont_write_bytecode = True
        self.board = mmap.mmap(request["board"], BOARD)
        os.close(request["board"])
        layers = close_sandbox(request)
        self.request = request
        os.environ.update(request["variables"])
        time.tzset()
        here = os.path.dirname(os.path.realpath(__file__))
        sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]
        self._enter(request)
        sys.path.insert(0, request["code_dir"])
        version = "{}.{}.{}".format(*sys.version_info)
        return {"python": version, "protocol": PROTOCOL, "sandbox": layers}

    def _enter(self, request: dict[str, Any]) -> None:
        sys.executable = request["python"]  # `site` finds pyvenv.cfg beside it
        if os.path.exists(os.path.join(request["env_dir"], "pyvenv.cfg")):
            sys.prefix = sys.exec_prefix = request["env_dir"]
        site.main()
        gc.disable()  # what libraries make as they are imported stays: no use to look through it
        for name in request["preimport"]:
            try:
                importlib.import_module(name)
            except BaseException:
                continue  # a guess that did not hold; the package's own import will say
        gc.freeze()
        gc.enable()

    def do_load(self, request: dict[str, Any]) -> dict[str, Any]:
        """Import the package's functions and load its model."""
        self.package = Package(dict(request, model_dir=self.request["model_dir"]), self._run)
        return {}

    def do_predict(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer rows."""
        return self._loaded().predict(request["rows"], trace=request["trace"])

    def do_compare(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask the package's own comparison."""
        verdict = self._loaded().compare(*(request[k] for k in ("function", "expected", "found")))
        return {"result": verdict}

    def do_evaluate(self, request: dict[str, Any]) -> dict[str, Any]:
        """Compute the package's own metrics."""
        return {"metrics": self._loaded().evaluate(request["function"], request["data"])}

    def do_modules(self, _: dict[str, Any]) -> dict[str, Any]:
        """List what is loaded of the environment."""
        inside = os.path.join(self.request["env_dir"], "")
        files = {
            name: str(getattr(module, "__file__", None) or "")
            for name, module in list(sys.modules.items())
        }
        found = {name: file for name, file in files.items() if file.startswith(inside)}
        return {
            "modules": sorted({name.partition(".")[0] for name in found}),
            "uncompiled": sorted(name for name, file in found.items() if lacks_bytecode(file)),
        }

    def _run(self, name: str | None) -> None:
        self.running = name
        self.board[:] = (name or "").encode()[:BOARD].ljust(BOARD)

    def _loaded(self) -> Package:
        if self.package is None:
            raise RuntimeError("no package is loaded")
        return self.package


def main(fd: int) -> None:
    """Answer requests until the parent hangs up."""
    os.set_inheritable(fd, False)
    os.register_at_fork(after_in_child=lambda: os.close(fd))
    faulthandler.enable()  # a crash in native code says where, on stderr
    faulthandler.register(signal.SIGUSR1)  # so does a call that is about to be killed
    session = Session()
    while (request := receive(fd)) is not None:
        send(fd, session.answer(request))
    os._exit(0)  # hooks of package code have no say in when a worker ends


if __name__ == "__main__":
    main(int(sys.argv.pop()))
