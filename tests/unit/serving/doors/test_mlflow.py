"""MLflow's scoring protocol."""

from __future__ import annotations

import json

import pytest
from tests.contracts import contract, replied, request, rows_of

from ketch.errors import KetchError, UsageError
from ketch.serving.doors.mlflow import Mlflow, ping, told_version

SHOP = contract({"name": "string", "size": {"type": "int64", "nullable": True, "min": 0}})
IMAGE = contract({"image": "tensor<float64, [2]>"})
DOOR = Mlflow(most_rows=10)
PATH = "/invocations"
ROWS = [{"name": "a", "size": 3}, {"name": "b", "size": None}]


def refused(body: object, media_type: str = "application/json") -> KetchError:
    with pytest.raises(UsageError) as caught:
        rows_of(DOOR, SHOP, request(body, PATH, media_type))
    return caught.value


def places(body: object, media_type: str = "application/json") -> list[str | None]:
    error = refused(body, media_type)
    return [one.where for one in error.findings] or [error.where]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": ROWS},
        {"dataframe_split": {"columns": ["size", "name"], "data": [[3, "a"], [None, "b"]]}},
        {"dataframe_split": {"index": [7, 8], "columns": ["name", "size"], "data": [["a", 3], ["b", None]]}},
        {"instances": ROWS},
        {"inputs": {"name": ["a", "b"], "size": [3, None]}},
        {"inputs": ROWS},
        {"dataframe_records": ROWS, "params": None},
        {"dataframe_records": ROWS, "params": {}},
    ],
)  # fmt: skip
def test_each_form_holds_the_same_rows(body: object) -> None:
    assert rows_of(DOOR, SHOP, request(body, PATH)) == ROWS


@pytest.mark.parametrize("media_type", ["text/csv", "text/csv; charset=utf-8", "Text/CSV;charset=UTF-8"])  # fmt: skip
def test_csv_is_typed_by_the_schema(media_type: str) -> None:
    body = 'size,name\n3,a\n,"b, or ""c"""\n'.encode("utf-8-sig")

    assert rows_of(DOOR, SHOP, request(body, PATH, media_type)) == [
        {"name": "a", "size": 3},
        {"name": 'b, or "c"', "size": None},
    ]


@pytest.mark.parametrize("body", [{"inputs": [[1, 2], [3, 4]]}, {"instances": [[1, 2], [3, 4]]}])
def test_plain_values_are_those_of_the_only_input(body: object) -> None:
    rows = rows_of(DOOR, IMAGE, request(body, PATH))

    assert rows == [{"image": [1.0, 2.0]}, {"image": [3.0, 4.0]}]


def test_the_only_input_may_be_named_too() -> None:
    assert rows_of(DOOR, IMAGE, request({"instances": [{"image": [1, 2]}]}, PATH)) == [
        {"image": [1.0, 2.0]}
    ]


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (ROWS, ["body"]),
        ({}, ["body"]),
        ({"rows": ROWS}, ["body"]),
        ({"inputs": ROWS, "instances": ROWS}, ["body"]),
        ({"inputs": ROWS, "more": 1}, ["body"]),
        ({"inputs": ROWS, "params": {"temperature": 1}}, ["params"]),
        ({"dataframe_split": ROWS}, ["dataframe_split.columns"]),
        ({"dataframe_split": {"columns": ["name", "size"]}}, ["dataframe_split.data"]),
        ({"dataframe_split": {"columns": ["name"], "data": []}}, ["dataframe_split.columns"]),
        ({"dataframe_split": {"columns": ["name", "size"], "data": [["a", 3], ["b"]]}}, ["dataframe_split.data[1]"]),
        ({"dataframe_split": {"columns": ["size", "name"], "data": [[-1, "a"], ["x", "b"]]}}, ["dataframe_split.data[0][0]", "dataframe_split.data[1][0]"]),
        ({"dataframe_records": [{"name": "a", "size": -1}]}, ["dataframe_records[0].size"]),
        ({"dataframe_records": [{"name": "a", "size": 1}, 7]}, ["dataframe_records[1]"]),
        ({"dataframe_records": {"name": "a"}}, ["dataframe_records"]),
        ({"dataframe_records": []}, ["dataframe_records"]),
        ({"instances": [{"name": "a"}]}, ["instances[0].size"]),
        ({"inputs": {"name": ["a"], "size": [1.5]}}, ["inputs.size[0]"]),
        ({"inputs": {"name": "a", "size": [1]}}, ["inputs.name"]),
        ({"inputs": {"name": ["a"], "size": [1, 2]}}, ["inputs"]),
        ({"inputs": {"nam": ["a"], "size": [1]}}, ["inputs", "inputs"]),
        (b'{"dataframe_split": {"columns": ["size"], "data": [[NaN]]}}', ["body"]),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_with_its_place(body: object, where: list[str]) -> None:
    assert places(body) == where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("name,size\na,1.5\nb,-1\n", ["rows[0].size"]),
        ("name,size\na,-1\n", ["rows[0].size"]),
        ("name,size\na\n", ["rows[0].size"]),
        ("name,size\na,1,2\n", ["rows[0]"]),
        ("name\na\n", ["line 1"]),
        ("name,size,name\na,1,b\n", ["line 1"]),
        (",name,size\n0,a,1\n", ["line 1"]),
        ('name,size\n"a,1\n', ["body"]),
        ("name,size\n", ["rows"]),
        ("", ["line 1", "line 1"]),
    ],
)
def test_what_is_wrong_with_csv_is_told_with_its_place(text: str, where: list[str]) -> None:
    assert places(text.encode(), "text/csv") == where


def test_the_index_of_a_frame_is_known_by_its_missing_name() -> None:
    assert "index=False" in str(refused(b",name,size\n0,a,1\n", "text/csv"))


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.apache.parquet",
        "application/json; format=pandas-split",
        "application/json; charset=latin-1",
        "text/plain",
    ],
)
def test_other_forms_are_refused_by_the_name_of_what_is_taken(media_type: str) -> None:
    error = refused({"inputs": ROWS}, media_type)
    reply = DOOR.refuse(error, request({}))

    assert reply.status == 415
    assert "`application/json` or `text/csv`" in json.loads(reply.body)["message"]


def test_too_many_rows_are_refused() -> None:
    assert refused({"inputs": ROWS * 6}).code == "request/too-many-rows"


def test_predictions_are_one_object_a_row() -> None:
    reply = replied(DOOR, SHOP, request({"inputs": ROWS}), [{"label": "A"}, {"label": None}])

    assert json.loads(reply.body) == {"predictions": [{"label": "A"}, {"label": None}]}
    assert dict(reply.headers)["Ketch-Package"] == "hello:1.0.0"


def test_an_error_is_a_code_and_a_message() -> None:
    reply = DOOR.refuse(refused({"instances": [{"name": 1, "size": 1}]}), request({}))

    assert reply.status == 400
    assert json.loads(reply.body) == {
        "error_code": "BAD_REQUEST",
        "message": "instances[0].name: expected `string`, found `1`; write it in quotes",
    }


def test_a_ping_is_answered_by_an_empty_line() -> None:
    assert (ping(is_ready=True).status, ping(is_ready=True).body) == (200, b"\n")
    assert ping(is_ready=False).status == 503
    assert told_version().body
