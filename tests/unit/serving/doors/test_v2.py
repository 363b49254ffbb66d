"""The Open Inference Protocol: what is read, what is written, where faults are."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import pytest
from tests.contracts import DECISION, contract, replied, request, route, rows_of

from ketch.errors import KetchError, NotFound, UsageError
from ketch.serving.doors.v2 import V2, called, live, model, ready, server, standing
from ketch.serving.doors.v2.door import failed

INFER = "/v2/models/shop/infer"
LENGTH = "inference-header-content-length"
SHOP = contract(
    {
        "seg": "string",
        "qty": {"type": "int64", "nullable": True, "min": 0},
        "weights": {"type": "list<float64>", "optional": True},
        "image": {"type": "tensor<float32, [2, 2]>", "optional": True},
        "at": {"type": "timestamp[us, UTC]", "optional": True},
        "day": {"type": "date32", "optional": True},
        "raw": {"type": "binary", "optional": True},
        "box": {"type": "struct<a: int64>", "optional": True},
    },
    {
        "label": "string",
        "p": {"type": "float64", "nullable": True},
        "items": "list<string>",
        "at": "timestamp[us, UTC]",
        "raw": "binary",
        "image": "tensor<float32, [-1, 2]>",
    },
)
DOOR = V2(most_rows=100)
ANSWER = {
    "label": "é",
    "p": 0.5,
    "items": ["a", "b"],
    "at": "2026-01-01T00:00:00Z",
    "raw": "AAE=",
    "image": [[1.0, 2.0]],
}
SEG = {"name": "seg", "datatype": "BYTES", "shape": [2], "data": ["a", "b"]}
QTY = {"name": "qty", "datatype": "INT64", "shape": [2], "data": [3, 1]}


def inputs(*tensors: Mapping[str, object], **more: object) -> dict[str, object]:
    return {"inputs": [SEG, QTY, *tensors], **more}


def tensor(name: str, datatype: str, data: list[Any], *shape: int, **said: object) -> Any:
    body = {"name": name, "datatype": datatype, "shape": list(shape) or [len(data)], "data": data}
    return {**body, "parameters": said} if said else body


def read(body: object, **headers: str) -> list[dict[str, object]]:
    return rows_of(DOOR, SHOP, request(body, INFER, **headers))


def column(name: str, body: object, **headers: str) -> list[object]:
    return [row[name] for row in read(body, **headers)]


def refused(body: object, **headers: str) -> KetchError:
    with pytest.raises(UsageError) as caught:
        read(body, **headers)
    return caught.value


def places(body: object) -> list[str | None]:
    error = refused(body)
    return [one.where for one in error.findings] or [error.where]


def reply(*rows: Mapping[str, object], **more: object) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(
        replied(DOOR, SHOP, request(inputs(**more), INFER), rows or (ANSWER, ANSWER)).body
    )
    return body


def test_one_tensor_a_field_makes_one_row_a_place() -> None:
    rows = read(inputs())

    assert [(row["seg"], row["qty"]) for row in rows] == [("a", 3), ("b", 1)]


@pytest.mark.parametrize(("data", "shape"), [([3, 1], [2]), ([3, 1], [2, 1]), ([[3], [1]], [2, 1])])
def test_a_column_may_have_a_second_dimension_of_one(data: list[Any], shape: list[int]) -> None:
    body = {"inputs": [SEG, tensor("qty", "INT64", data, *shape)]}

    assert column("qty", body) == [3, 1]


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_lists_of_one_length_come_as_a_matrix(data: list[Any]) -> None:
    assert column("weights", inputs(tensor("weights", "FP64", data, 2, 2))) == [[1, 2], [3, 4]]


def test_lists_of_any_length_come_as_json() -> None:
    sent = tensor("weights", "BYTES", ["[1]", "[1, 2.5]"], content_type="pd_json")

    assert column("weights", inputs(sent)) == [[1], [1, 2.5]]


def test_a_scalar_may_come_as_json_as_pandas_writes_columns_of_objects() -> None:
    sent = tensor("qty", "BYTES", ["3", "null"], 2, 1, content_type="pd_json")

    assert column("qty", {"inputs": [SEG, sent]}) == [3, None]


def test_a_struct_comes_as_json() -> None:
    assert column("box", inputs(tensor("box", "BYTES", ['{"a": 1}', None]))) == [{"a": 1}, None]


@pytest.mark.parametrize("data", [list(range(8)), [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]])
def test_a_tensor_keeps_its_box(data: list[Any]) -> None:
    sent = tensor("image", "FP32", data, 2, 2, 2)

    assert column("image", inputs(sent)) == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


def test_instants_and_days_are_read_as_python_writes_them() -> None:
    instants = ["2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.250000+00:00"]
    rows = read(
        inputs(
            tensor("at", "BYTES", instants, content_type="datetime"),
            tensor("day", "BYTES", ["2026-01-01", "2026-01-02T00:00:00"], content_type="datetime"),
        )
    )

    assert [row["at"] for row in rows] == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.250Z"]
    assert [row["day"] for row in rows] == ["2026-01-01", "2026-01-02"]


def test_a_null_stands_in_a_nullable_column_of_integers() -> None:
    assert column("qty", {"inputs": [SEG, {**QTY, "data": [None, 1]}]}) == [None, 1]


def test_an_optional_input_may_be_left_out() -> None:
    assert column("weights", inputs()) == [None, None]


def test_integers_may_be_sent_to_a_field_of_floats() -> None:
    assert column("weights", inputs(tensor("weights", "INT8", [1, 2], 2, 1))) == [[1.0], [2.0]]


def with_bytes(*parts: tuple[Mapping[str, object], bytes], **more: object) -> tuple[bytes, str]:
    """Return a body whose tensors are bytes behind the JSON, and the length of the JSON."""
    tensors = [
        {
            **{k: v for k, v in one.items() if k != "data"},
            "parameters": {"binary_data_size": len(content)},
        }
        for one, content in parts
    ]
    head = json.dumps({"inputs": tensors, **more}).encode()
    return head + b"".join(content for _, content in parts), str(len(head))


def test_tensors_may_be_sent_as_bytes() -> None:
    text = b"".join(struct.pack("<I", len(one)) + one for one in (b"a", "é".encode()))
    raw = {"name": "raw", "datatype": "BYTES", "shape": [2]}
    image = {"name": "image", "datatype": "FP32", "shape": [2, 2, 2]}
    body, length = with_bytes(
        (SEG, text),
        (QTY, struct.pack("<2q", 3, 1)),
        (raw, struct.pack("<I", 2) + b"\0\1" + struct.pack("<I", 0)),
        (image, struct.pack("<8f", *range(8))),
    )

    rows = read(body, inference_header_content_length=length)

    assert [row["seg"] for row in rows] == ["a", "é"]
    assert [row["qty"] for row in rows] == [3, 1]
    assert [row["raw"] for row in rows] == ["AAE=", ""]
    assert rows[1]["image"] == [[4, 5], [6, 7]]


@pytest.mark.parametrize("text", [b"\5\0\0\0ab", b"\5\0", b"", b"\1\0\0\0\xff\1\0\0\0a"])
def test_bytes_that_do_not_come_out_even_are_refused(text: bytes) -> None:
    body, length = with_bytes((SEG, text), (QTY, struct.pack("<2q", 3, 1)))

    error = refused(body, inference_header_content_length=length)

    assert error.code in {"request/tensor", "json/not-utf8"}


def test_not_a_number_is_no_number_in_bytes_either() -> None:
    floats = {"name": "weights", "datatype": "FP64", "shape": [2, 1]}
    body, length = with_bytes((floats, struct.pack("<2d", 1.0, float("nan"))))
    body = body.replace(
        b'"inputs": [', b'"inputs": [' + json.dumps([SEG, QTY])[1:-1].encode() + b", "
    )
    length = str(int(length) + len(json.dumps([SEG, QTY])))

    error = refused(body, inference_header_content_length=length)

    assert error.code == "schema/not-finite"
    assert error.where == "inputs[2].data[1]"


@pytest.mark.parametrize("length", ["", "-1", "x", "9" * 30, "1.5"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    error = refused(inputs(), inference_header_content_length=length)

    assert error.where == "Inference-Header-Content-Length"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, ["inputs"]),
        ({"inputs": []}, ["inputs", "inputs"]),
        ({"inputs": [SEG]}, ["inputs"]),
        (inputs(7), ["inputs", "inputs[2]"]),  # type: ignore[arg-type] # on purpose
        (inputs(id=7), ["id"]),
        (inputs(parameters=[]), ["parameters"]),
        (inputs(outputs=7), ["outputs"]),
        (inputs(outputs=[{"name": "lable"}]), ["outputs[0].name"]),
        (inputs(outputs=[{"name": "p"}, {"name": "p"}]), ["outputs[1].name"]),
        ({"inputs": [SEG, {**QTY, "datatype": "INT65"}]}, ["inputs[1].datatype"]),
        ({"inputs": [SEG, {**QTY, "datatype": "FP64"}]}, ["inputs[1].datatype"]),
        ({"inputs": [SEG, {**QTY, "datatype": "BYTES"}]}, ["inputs[1].datatype"]),
        ({"inputs": [SEG, {**QTY, "shape": [3]}]}, ["inputs[1].data"]),
        ({"inputs": [SEG, {**QTY, "shape": [2, 2]}]}, ["inputs[1].shape"]),
        ({"inputs": [SEG, {**QTY, "shape": [-1]}]}, ["inputs[1].shape"]),
        ({"inputs": [SEG, {**QTY, "shape": []}]}, ["inputs[1].shape"]),
        ({"inputs": [SEG, {**QTY, "shape": [1], "data": [1]}]}, ["inputs"]),
        ({"inputs": [SEG, {**QTY, "data": "ab"}]}, ["inputs[1].data"]),
        ({"inputs": [SEG, {**QTY, "data": [[1], 2]}]}, ["inputs[1].data[0]"]),
        (inputs(tensor("weights", "FP64", [1, 2])), ["inputs[2].shape"]),
        (inputs(tensor("weights", "BYTES", ["[1]", "[1"], content_type="pd_json")), ["inputs[2].data[1]"]),
        (inputs(tensor("box", "BYTES", ["{}", 7])), ["inputs[2].data[1]"]),
        (inputs(tensor("x", "FP64", [1, 2])), ["inputs"]),
        (inputs(SEG), ["inputs"]),
        ([], ["body"]),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_with_its_place(body: object, where: list[str]) -> None:
    assert places(body) == where


def test_what_the_schema_finds_is_told_where_it_stands_in_the_tensors() -> None:
    body = inputs(
        tensor("weights", "BYTES", ["[1]", '[1, "a"]'], content_type="pd_json"),
        tensor("image", "FP32", [1, 2, 3, 4, 5, 6, "x", 8], 2, 2, 2),
    )
    body["inputs"][1] = {**QTY, "data": [-1, 1.5]}  # type: ignore[index] # a list, see above

    assert places(body) == [
        *("inputs[1].data[0]", "inputs[1].data[1]"),
        *("inputs[2].data[1][1]", "inputs[3].data[6]"),
    ]


def test_nested_data_is_named_as_it_is_nested() -> None:
    nested = [[[1, 2], [3, 4]], [[5, 6], ["x", 8]]]

    assert places(inputs(tensor("image", "FP32", nested, 2, 2, 2))) == ["inputs[2].data[1][1][0]"]


def test_a_tensor_that_claims_billions_of_empty_lists_is_refused_at_once() -> None:
    assert places(inputs(tensor("weights", "FP64", [], 2**40, 0))) == ["inputs[2].shape"]
    assert places(inputs(tensor("weights", "FP64", [], 10_000_000, 0))) == ["inputs[2].shape"]


def test_too_many_rows_are_refused() -> None:
    many = {"inputs": [tensor("seg", "BYTES", ["a"] * 101), tensor("qty", "INT64", [1] * 101)]}

    assert refused(many).code == "request/too-many-rows"


def test_no_rows_are_refused() -> None:
    none = {"inputs": [tensor("seg", "BYTES", [], 0), tensor("qty", "INT64", [], 0)]}

    assert refused(none).code == "request/no-rows"


def test_a_reply_has_one_tensor_a_field() -> None:
    body = reply(id="42")

    assert {name: body[name] for name in ("model_name", "model_version", "id", "parameters")} == {
        "model_name": "shop",
        "model_version": "1.0.0",
        "id": "42",
        "parameters": {
            "ketch_package": "hello:1.0.0",
            "ketch_decision": DECISION,
            "ketch_arm": "prod",
        },
    }
    assert [(one["name"], one["datatype"], one["shape"]) for one in body["outputs"]] == [
        *(("label", "BYTES", [2]), ("p", "FP64", [2]), ("items", "BYTES", [2])),
        *(("at", "BYTES", [2]), ("raw", "BYTES", [2]), ("image", "FP32", [2, 1, 2])),
    ]
    found = {one["name"]: one["data"] for one in body["outputs"]}
    assert found["items"] == ['["a","b"]'] * 2
    assert found["at"] == ["2026-01-01T00:00:00+00:00"] * 2
    assert found["image"] == [1.0, 2.0, 1.0, 2.0]


def test_a_reply_always_has_an_id_of_its_own() -> None:
    assert reply()["id"] != reply()["id"]


def test_a_table_is_answered_by_a_table() -> None:
    body = reply(parameters={"content_type": "pd"})

    assert body["parameters"]["content_type"] == "pd"
    assert body["outputs"][0]["shape"] == [2, 1]
    assert body["outputs"][0]["parameters"] == {"content_type": "str"}


def test_only_the_outputs_that_are_wanted_come_in_that_order() -> None:
    body = reply(outputs=[{"name": "p"}, {"name": "label"}])

    assert [one["name"] for one in body["outputs"]] == ["p", "label"]


def test_tensors_of_unequal_boxes_come_as_json() -> None:
    body = reply(ANSWER, {**ANSWER, "image": []}, outputs=[{"name": "image"}])

    assert body["outputs"][0]["data"] == ["[[1.0,2.0]]", "[]"]
    assert body["outputs"][0]["parameters"] == {"content_type": "pd_json"}


def test_outputs_come_as_bytes_where_they_are_wanted_so() -> None:
    wanted = [{"name": "p", "parameters": {"binary_data": True}}, {"name": "label"}]
    response = replied(DOOR, SHOP, request(inputs(outputs=wanted), INFER), (ANSWER, ANSWER))

    length = int(dict(response.headers)["Inference-Header-Content-Length"])
    head = json.loads(response.body[:length])
    assert head["outputs"][0]["parameters"] == {"binary_data_size": 16}
    assert response.body[length:] == struct.pack("<2d", 0.5, 0.5)
    assert head["outputs"][1]["data"] == ["é", "é"]


def test_a_null_has_no_bytes_so_its_tensor_stays_in_the_json() -> None:
    asked = request(inputs(parameters={"binary_data_output": True}, outputs=[]), INFER)
    response = replied(DOOR, SHOP, asked, (ANSWER, {**ANSWER, "p": None}))

    length = int(dict(response.headers)["Inference-Header-Content-Length"])
    found = {one["name"]: one for one in json.loads(response.body[:length])["outputs"]}
    assert found["p"]["data"] == [0.5, None]
    assert "data" not in found["label"]


def test_an_error_is_one_text() -> None:
    error = refused({"inputs": [SEG, {**QTY, "data": [-1, "x"]}]})

    response = DOOR.refuse(error, request({}))

    assert response.status == 400
    assert json.loads(response.body) == {
        "error": "inputs[1].data[0]: expected at least `0`, found `-1`; "
        'inputs[1].data[1]: expected `int64`, found `"x"`'
    }


@pytest.mark.parametrize("media_type", ["application/json", "application/octet-stream", None])
def test_a_client_need_not_name_the_form(media_type: str | None) -> None:
    asked = request(inputs(), INFER, media_type)

    assert len(rows_of(DOOR, SHOP, asked)) == 2


def test_another_form_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        DOOR.read(request(b"a,b", INFER, "text/csv"), SHOP)

    assert caught.value.code == "request/media-type"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/v2/models/shop/infer", ("shop", None, "infer")),
        ("/v2/models/shop/versions/1.0/infer", ("shop", "1.0", "infer")),
        ("/v2/models/shop/versions/1.0/ready", ("shop", "1.0", "ready")),
        ("/v2/models/shop/ready", ("shop", None, "ready")),
        ("/v2/models/shop", ("shop", None, "")),
        ("/v2/models/shop/", ("shop", None, "")),
        ("/v2/models/shop/versions/1.0", ("shop", "1.0", "")),
        ("/v2/models/", None),
        ("/v2/models//infer", None),
        ("/v2/models/shop/versions//infer", None),
        ("/v2/models/shop/unload", None),
        ("/v2/shop", None),
        ("/v3/models/shop", None),
    ],
)
def test_a_path_names_a_model_a_version_and_what_is_asked(path: str, place: object) -> None:
    assert called(path) == place


def told(response: Any) -> Any:
    return json.loads(response.body)


def test_the_server_says_what_it_is() -> None:
    assert told(server())["extensions"] == ["binary_tensor_data", "ketch_nullable"]
    assert told(live()) == {"live": True}
    assert (ready(is_ready=False).status, told(ready(is_ready=False))) == (503, {"ready": False})


def test_a_model_says_what_it_takes_and_gives() -> None:
    place = called("/v2/models/shop")
    assert place is not None

    body = told(model({"shop": route("shop", SHOP)}, place))

    assert (body["name"], body["versions"], body["platform"]) == (
        "shop",
        ["1.0.0"],
        "ketch_package",
    )
    assert body["inputs"][:4] == [
        {"name": "seg", "datatype": "BYTES", "shape": [-1], "parameters": {"content_type": "str"}},
        {"name": "qty", "datatype": "INT64", "shape": [-1]},
        {"name": "weights", "datatype": "FP64", "shape": [-1, -1]},
        {"name": "image", "datatype": "FP32", "shape": [-1, 2, 2]},
    ]
    assert body["outputs"][2]["parameters"] == {"content_type": "pd_json"}
    assert body["properties"]["ketch_digest"] == str(SHOP.package.digest)


def test_a_model_is_ready_once_somebody_answers_on_its_route() -> None:
    place = called("/v2/models/shop/ready")
    assert place is not None

    assert standing({"shop": route("shop", SHOP)}, place).status == 200
    assert standing({"shop": route("shop")}, place).status == 503


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v2/models/shpo", "request/route"),
        ("/v2/models/empty", "request/route"),
        ("/v2/models/shop/versions/2.0", "request/version"),
    ],
)
def test_a_model_that_is_not_there_is_an_error(path: str, code: str) -> None:
    served = {"shop": route("shop", SHOP), "empty": route("empty", problems={"a:1": "why"})}
    place = called(path)
    assert place is not None

    with pytest.raises(NotFound) as caught:
        model(served, place)

    assert caught.value.code == code
    assert failed(caught.value).status == 404
