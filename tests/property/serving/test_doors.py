"""Laws of the doors: whichever way rows come in, they are the same rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.contracts import answered, contract_of, request, rows_of
from tests.property.schema.strategies import JSON, NAMES, typed_rows

from ketch.errors import KetchError
from ketch.schema import Decoder, Field, Row, Schema, String
from ketch.serving.contract import Contract
from ketch.serving.doors.door import Door
from ketch.serving.doors.mlflow import Mlflow
from ketch.serving.doors.native import Native
from ketch.serving.doors.tensors import DATATYPES, datatype_of, rank_of
from ketch.serving.doors.v2 import V2

INFER = "/v2/models/shop/infer"
MANY = 500
"""Bodies that nobody meant: each is tried at every door."""
LABEL = (Field("label", String()),)


def taking(fields: Sequence[Field]) -> Contract:
    return contract_of(Schema(tuple(fields), LABEL))


def giving(fields: Sequence[Field]) -> Contract:
    return contract_of(Schema(tuple(fields), tuple(fields)))


def texts(fields: Sequence[Field], rows: Sequence[Row]) -> list[dict[str, object]]:
    """Return rows as tensors of scalars, and of JSON texts where a field is none."""
    tensors: list[dict[str, object]] = []
    for field in fields:
        values = [row.get(field.name) for row in rows]
        if rank_of(field.type) != 0:
            data: list[object] = [json.dumps(one) for one in values]
            said: dict[str, object] = {"content_type": "pd_json"}
            tensors.append(tensor(field, "BYTES", data) | {"parameters": said})
        else:
            tensors.append(tensor(field, datatype_of(field.type), values))
    return tensors


def tensor(field: Field, datatype: str, data: Sequence[object]) -> dict[str, object]:
    return {"name": field.name, "datatype": datatype, "shape": [len(data)], "data": list(data)}


def only_listed(fields: Sequence[Field], rows: Sequence[Row]) -> list[Row]:
    """Return rows that name every field, as columns do."""
    return [{field.name: row.get(field.name) for field in fields} for row in rows]


@given(typed_rows())
def test_rows_are_the_same_through_every_door(drawn: tuple[tuple[Field, ...], list[Row]]) -> None:
    fields, rows = drawn
    assume(rows)
    of, names = taking(fields), [field.name for field in fields]
    wanted = Decoder(fields).decode(rows)[0]
    data = [[row.get(name) for name in names] for row in rows]
    columns = {name: [row.get(name) for row in rows] for name in names}

    assert rows_of(Native(), of, request(rows)) == wanted
    assert rows_of(V2(), of, request({"inputs": texts(fields, rows)}, INFER)) == wanted
    bodies: list[Mapping[str, object]] = [
        {"dataframe_records": rows},
        {"dataframe_split": {"columns": names, "data": data}},
        {"inputs": columns},
    ]
    for body in bodies:
        assert rows_of(Mlflow(), of, request(body, "/invocations")) == wanted


@given(typed_rows(), st.booleans(), st.booleans())
def test_tensors_that_were_written_are_read_as_the_same_rows(
    drawn: tuple[tuple[Field, ...], list[Row]], as_table: object, in_bytes: object
) -> None:
    fields, rows = drawn
    assume(rows)
    of, door = giving(fields), V2()
    wanted = Decoder(fields).decode(only_listed(fields, rows))[0]
    asked = {
        "inputs": texts(fields, rows),
        "parameters": {
            "binary_data_output": in_bytes,
            **({"content_type": "pd"} if as_table else {}),
        },
    }

    read = door.read(request(asked, INFER), of)
    reply = door.reply(read, answered(of, wanted))

    length = dict(reply.headers).get("Inference-Header-Content-Length")
    head = json.loads(reply.body[: None if length is None else int(length)])
    body = json.dumps({"inputs": head["outputs"]}).encode()
    tail = b"" if length is None else reply.body[int(length) :]
    again = request(body + tail, INFER, inference_header_content_length=str(len(body)))
    assert rows_of(door, of, again) == wanted


TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": NAMES | st.just("a") | JSON,
        "datatype": st.sampled_from([*DATATYPES, "BF16"]) | JSON,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | JSON,
        "parameters": st.fixed_dictionaries(
            {}, optional={"content_type": st.just("pd_json") | JSON, "binary_data_size": JSON}
        )
        | JSON,
        "data": st.lists(JSON, max_size=3) | JSON,
    },
)
INFERENCE = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "inputs": st.lists(TENSOR, max_size=3) | JSON,
        "outputs": st.lists(st.fixed_dictionaries({"name": JSON, "parameters": JSON})) | JSON,
        "parameters": JSON,
    },
)
INVOCATION = st.dictionaries(
    st.sampled_from(["dataframe_split", "dataframe_records", "instances", "inputs", "params"])
    | NAMES,
    JSON
    | st.lists(st.dictionaries(st.just("a") | NAMES, JSON), max_size=2)
    | st.dictionaries(st.sampled_from(["columns", "data", "a"]), st.lists(JSON, max_size=2)),
    max_size=2,
)
SMALL = contract_of(Schema((Field("a", String()), Field("b", String(), optional=True)), LABEL))


def answer_or_error(door: Door, body: object, **said: str) -> None:
    """Ask; an error has to be one that the door can tell in under a kilobyte."""
    asked = request(body, INFER, **said)
    try:
        rows_of(door, SMALL, asked)
    except KetchError as error:
        reply = door.refuse(error, asked)
        assert 400 <= reply.status < 500
        assert len(reply.body) < 1_024
        json.loads(reply.body)


@given(JSON | INFERENCE | INVOCATION)
@settings(max_examples=MANY)
def test_no_json_makes_a_door_fail(body: object) -> None:
    for door in (Native(), V2(), Mlflow()):
        answer_or_error(door, body)


@given(INFERENCE, st.binary(max_size=20), st.integers(-1, 400).map(str) | st.text(max_size=3))
@settings(max_examples=MANY)
def test_no_bytes_behind_the_json_make_it_fail(body: object, tail: bytes, length: str) -> None:
    content = json.dumps(body).encode() + tail
    answer_or_error(V2(), content, inference_header_content_length=length)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
@settings(max_examples=MANY)
def test_no_bytes_make_a_door_fail(body: bytes) -> None:
    for door in (Native(), V2(), Mlflow()):
        answer_or_error(door, body)
    answer_or_error(Mlflow(), b"a,b\n" + body, content_type="text/csv")
