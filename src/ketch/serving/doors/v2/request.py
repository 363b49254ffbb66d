"""Reading an inference request: tensors by name become rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TypeAlias

from ketch.errors import Finding
from ketch.runtime.predictor import refused
from ketch.schema import Row, check_columns, did_you_mean
from ketch.schema.problems import kind, show
from ketch.serving.contract import Contract
from ketch.serving.doors.door import no_rows, too_many_rows
from ketch.serving.doors.tensors import DATATYPES
from ketch.serving.doors.v2.columns import Column, Sent, column

Table: TypeAlias = Mapping[str, object]

_MOST_DIMENSIONS = 32
_MOST_ELEMENTS = 16 * 1024 * 1024
_MOST_EMPTY = 65_536


class Reading:
    """Reads one request, and gathers all that is wrong with it.

    Args:
        body: The JSON of the request.
        tail: The bytes behind it, where tensors are sent as bytes.
        contract: The package that is asked.

    Attributes:
        findings: All that is wrong.
        columns: Where each field stood; whole after :meth:`rows`.
    """

    def __init__(self, body: Table, tail: bytes, contract: Contract) -> None:
        self._body = body
        self._tail = memoryview(tail)
        self._schema = contract.schema
        self.findings: list[Finding] = []
        self.columns: list[Column] = []

    def rows(self, most: int) -> list[Row]:
        """Return the rows that the tensors hold.

        Raises:
            UsageError: With every finding.
        """
        self.columns = list(self._columns())
        counts = {len(one.values) for one in self.columns}
        if len(self._tail) and not self.findings:
            self._wrong("request/tensor", "expected no bytes beyond those of the inputs", "body")
        if len(counts) > 1:
            self._wrong("request/tensor", "expected as many rows in every input", "inputs")
        if self.findings:
            raise refused(self.findings)
        count = max(counts, default=0)
        if count == 0:
            raise no_rows("inputs")
        if count > most:
            raise too_many_rows(count, most)
        names = [one.field.name for one in self.columns]
        values = zip(*(one.values for one in self.columns), strict=True)
        return [dict(zip(names, row, strict=True)) for row in values]

    def wanted(self) -> tuple[list[str] | None, dict[str, bool]]:
        """Return the outputs that are wanted, None for all, and for each whether as bytes."""
        listed = self._body.get("outputs")
        if listed is None or listed == []:
            return None, {}
        if not isinstance(listed, list):
            self._wrong(
                "request/form", f"expected a list of outputs, found {show(listed)}", "outputs"
            )
            return None, {}
        known = [field.name for field in self._schema.outputs]
        in_bytes: dict[str, bool] = {}
        for index, one in enumerate(listed):
            here = f"outputs[{index}]"
            name = one.get("name") if isinstance(one, dict) else one
            if name not in known or name in in_bytes:
                message = f"expected one of the outputs, once, found {show(name)}"
                hint = did_you_mean(str(name), known)
                self.findings.append(Finding("request/form", message, f"{here}.name", hint))
            else:
                parameters = self.table(one, "parameters", here)
                in_bytes[str(name)] = parameters.get("binary_data") is True
        return list(in_bytes), in_bytes

    def request_id(self) -> str | None:
        """Return the caller's own name for the request."""
        found = self._body.get("id")
        if found is None or isinstance(found, str):
            return found or None
        self._wrong("request/form", f"expected text, found {show(found)}", "id")
        return None

    def table(self, body: object, name: str, here: str = "") -> Table:
        """Return an object inside an object, empty when it is left out."""
        value = body.get(name) if isinstance(body, dict) else None
        if value is None or isinstance(value, dict):
            return value or {}
        where = f"{here}.{name}" if here else name
        self._wrong("request/form", f"expected an object, found {show(value)}", where)
        return {}

    def _columns(self) -> Iterator[Column]:
        inputs = self._body.get("inputs")
        if not isinstance(inputs, list):
            self._wrong(
                "request/form", f"expected a list of tensors, found {show(inputs)}", "inputs"
            )
            return
        names = [_name(one) for one in inputs]
        self.findings += check_columns(self._schema.inputs, names, "inputs")
        fields = {field.name: field for field in self._schema.inputs}
        for index, tensor in enumerate(inputs):
            sent = self._sent(index, tensor)
            if sent is None or names[index] not in fields:
                continue
            found = column(fields[names[index]], sent)
            if isinstance(found, Column):
                yield found
            else:
                self.findings.append(found)

    def _sent(self, index: int, tensor: object) -> Sent | None:
        """Return one tensor; None when one of its parts is not what it should be."""
        here, before = f"inputs[{index}]", len(self.findings)
        if not isinstance(tensor, dict):
            self._wrong("request/form", f"expected an object, found {show(tensor)}", here)
            return None
        parameters = self.table(tensor, "parameters", here)
        datatype, shape = tensor.get("datatype"), _shape(tensor.get("shape"))
        if datatype not in DATATYPES:
            message = f"expected one of `{'`, `'.join(DATATYPES)}`, found {show(datatype)}"
            self._wrong("request/tensor", message, f"{here}.datatype")
        if shape is None:
            message = f"expected a list of lengths, found {show(tensor.get('shape'))}"
            self._wrong("request/tensor", message, f"{here}.shape")
        data = tensor.get("data")
        if "binary_data_size" in parameters:
            data = self._bytes(parameters["binary_data_size"], here)
        elif not isinstance(data, list):
            self._wrong("request/form", f"expected a list, found {kind(data)}", f"{here}.data")
        if len(self.findings) > before or shape is None or not isinstance(data, list | bytes):
            return None
        said = parameters.get("content_type")
        return Sent(index, str(datatype), shape, said if isinstance(said, str) else "", data)

    def _bytes(self, size: object, here: str) -> bytes | None:
        """Return the bytes of a tensor, the next ones behind the JSON."""
        if type(size) is not int or not 0 <= size <= len(self._tail):
            message = f"expected at most `{len(self._tail)}` bytes, found {show(size)}"
            self._wrong("request/tensor", message, f"{here}.parameters.binary_data_size")
            return None
        content, self._tail = self._tail[:size], self._tail[size:]
        return bytes(content)

    def _wrong(self, code: str, message: str, where: str) -> None:
        self.findings.append(Finding(code, message, where))


def _name(tensor: object) -> str:
    name = tensor.get("name") if isinstance(tensor, dict) else None
    return name if isinstance(name, str) else ""


def _shape(value: object) -> tuple[int, ...] | None:
    """Return a shape, if it is one, and small: an empty tensor can claim any lengths."""
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_DIMENSIONS:
        return None
    lengths = [one for one in value if type(one) is int and one >= 0]
    most = _MOST_EMPTY if 0 in lengths else _MOST_ELEMENTS
    if len(lengths) < len(value) or prod(max(1, one) for one in lengths) > most:
        return None
    return tuple(lengths)
