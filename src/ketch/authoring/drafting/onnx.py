"""ONNX files: who wrote them, read from the outermost fields of the message.

The fields are those of ``ModelProto`` in https://github.com/onnx/onnx/blob/main/onnx/onnx.proto;
the graph itself is passed over, so the size of a file does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ketch.authoring.drafting.model_file import Form, Seen, unknown
from ketch.authoring.drafting.pickles import BYTES_SEARCHED, searchable
from ketch.errors import Finding

IR_VERSION, PRODUCER, PRODUCER_VERSION, GRAPH = 1, 2, 3, 7
_MOST_FIELDS = 10_000
_SHORT = 1 << 16
_COMPANION = re.compile(rb"\x0a\x08location\x12([\x01-\x7f])([\w. -]+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    value: int | bytes


class _Broken(Exception):
    """The bytes are no protocol buffer."""


def scan_onnx(path: Path) -> Seen:
    """Say who wrote an ONNX model.

    Raises:
        UsageError: ``init/unknown-model``: it is no ONNX model.
    """
    try:
        with path.open("rb") as file:
            fields = {field.number: field.value for field in _fields(file, path.stat().st_size)}
    except _Broken as problem:
        raise unknown(path, f"expected an ONNX model: {problem}") from problem
    version = fields.get(IR_VERSION)
    if GRAPH not in fields or not isinstance(version, int) or not 1 <= version <= 1000:
        raise unknown(path, "expected an ONNX model, found a message without graph or version")
    with searchable(path) as content:
        found = _COMPANION.finditer(content, 0, BYTES_SEARCHED)
        companions = {match[2][: match[1][0]].decode("ascii") for match in found}
    producer = _text(fields.get(PRODUCER)), _text(fields.get(PRODUCER_VERSION))
    note = Finding(
        "init/onnx-producer",
        f"written by `{' '.join(part for part in producer if part) or 'nobody who says so'}`",
        path.name,
        blocks=False,
    )
    return Seen(
        Form.ONNX,
        {},
        ("onnxruntime", "numpy"),
        companions=tuple(sorted(companions)),
        findings=(note,),
    )


def _fields(file: BinaryIO, size: int) -> Iterator[_Field]:
    for _ in range(_MOST_FIELDS):
        if file.tell() >= size:
            return
        key = _varint(file)
        number, kind = key >> 3, key & 7
        if not 1 <= number <= 100:
            raise _Broken(f"found field {number}")
        if kind == 0:
            yield _Field(number, _varint(file))
        elif kind == 2:
            length = _varint(file)
            if file.tell() + length > size:
                raise _Broken("a field ends after the file does")
            content = file.read(min(length, _SHORT))
            file.seek(length - len(content), 1)
            yield _Field(number, content)
        else:
            raise _Broken(f"found a field of kind {kind}")
    raise _Broken(f"found more than {_MOST_FIELDS} fields")


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise _Broken("it ends inside a number")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise _Broken("found a number of more than 64 bits")


def _text(value: int | bytes | None) -> str:
    content = value if isinstance(value, bytes) else b""
    return "".join(c for c in content[:60].decode("utf-8", "replace") if c.isprintable())
