"""The door behind ``POST /<route>``."""

from __future__ import annotations

import json

import pytest
from tests.contracts import DECISION, answered, contract, replied, request, rows_of

from ketch.errors import KetchError, UsageError
from ketch.serving.answers import Answered, Part
from ketch.serving.doors.native import Native

SHOP = contract({"name": "string", "size": {"type": "int64", "nullable": True, "min": 0}})
DOOR = Native(most_rows=3, most_bytes=500)


def refused(body: object, media_type: str | None = "application/json") -> KetchError:
    with pytest.raises(UsageError) as caught:
        rows_of(DOOR, SHOP, request(body, media_type=media_type))
    return caught.value


def test_one_object_is_one_row_and_gets_one_object_back() -> None:
    asked = request({"size": 3, "name": "a"})

    assert rows_of(DOOR, SHOP, asked) == [{"name": "a", "size": 3}]
    assert replied(DOOR, SHOP, asked, [{"label": "A"}]).body == b'{"label":"A"}'


def test_a_list_gets_a_list_back_also_of_one() -> None:
    asked = request([{"size": 3, "name": "a"}])

    assert rows_of(DOOR, SHOP, asked) == [{"name": "a", "size": 3}]
    assert replied(DOOR, SHOP, asked, [{"label": "A"}]).body == b'[{"label":"A"}]'


def test_an_answer_says_who_gave_it() -> None:
    reply = replied(DOOR, SHOP, request({}), [{"label": "A"}])

    assert dict(reply.headers) == {
        "Ketch-Package": "hello:1.0.0",
        "Ketch-Digest": str(SHOP.package.digest),
        "Ketch-Decision": DECISION,
        "Ketch-Arm": "prod",
    }


def test_an_answer_of_two_packages_says_for_each_row_who_gave_it() -> None:
    parts = (Part("d1", SHOP, "prod", [0, 2]), Part("d2", SHOP, "limited", [1]))
    asked = DOOR.read(request([{}, {}, {}]), SHOP)

    headers = dict(DOOR.reply(asked, Answered([{}, {}, {}], parts)).headers)

    assert headers["Ketch-Arm"] == "prod, limited"
    assert headers["Ketch-Decision"] == "d1, d2"
    assert headers["Ketch-Part"] == "010"


def test_an_answer_of_many_rows_does_not_say_it_row_by_row() -> None:
    rows: list[dict[str, object]] = [{} for _ in range(5_000)]
    parts = (Part("d1", SHOP, "prod", range(4_999)), Part("d2", SHOP, "limited", [4_999]))
    asked = Native().read(request(rows), SHOP)

    headers = dict(DOOR.reply(asked, Answered([{}] * 5_000, parts)).headers)

    assert not {"Ketch-Part", "Ketch-Decision"} & headers.keys()
    assert headers["Ketch-Arm"] == "prod, limited"


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ([], "request/no-rows", "body"),
        ([{}] * 4, "request/too-many-rows", None),
        (7, "schema/wrong-type", "body"),
        ("a", "schema/wrong-type", "body"),
        (None, "schema/wrong-type", "body"),
        ([7], "schema/wrong-type", "rows[0]"),
        ({}, "schema/missing-field", "rows[0].name"),
        (b"", "json/syntax", "body"),
        (b"hello, not json", "json/syntax", "body"),
        (b'{"name": "a", "size": NaN}', "json/syntax", "body"),
        (b'{"name": "a", "size": 1e999}', "json/number", "body"),
        (b'{"name": "a", "name": "b", "size": 1}', "json/duplicate-member", "body"),
        (b'{"name": "a", "size": 1},{"name": "b", "size": 1}', "json/syntax", "body"),
        (b"\xff\xfe", "json/syntax", "body"),
        (b'"' + b"a" * 500 + b'"', "json/too-large", "body"),
        (b"[" * 40 + b"]" * 40, "json/too-deep", "body"),
    ],
)
def test_what_is_no_request_is_told_with_its_place(
    body: object, code: str, where: str | None
) -> None:
    error = refused(body)

    assert (error.code, error.where) == (code, where)


def test_everything_wrong_with_a_request_is_told_at_once() -> None:
    error = refused([{"name": 1, "size": -1}, {"nam": "a", "size": 1.5}])

    assert [finding.where for finding in error.findings] == [
        *("rows[0].name", "rows[0].size"),
        *("rows[1].name", "rows[1].nam", "rows[1].size"),
    ]


@pytest.mark.parametrize(
    "media_type",
    ["application/json; charset=utf-8", "Application/JSON", "application/problem+json"],
)
def test_json_may_be_named_in_any_of_its_ways(media_type: str) -> None:
    asked = request({"name": "a", "size": None}, media_type=media_type)

    assert rows_of(DOOR, SHOP, asked) == [{"name": "a", "size": None}]


@pytest.mark.parametrize(
    "media_type", ["text/csv", "application/vnd.apache.parquet", "text/plain", None, "x\r\ny"]
)
def test_another_form_is_refused_by_the_name_of_what_is_taken(media_type: str | None) -> None:
    error = refused({"name": "a", "size": 1}, media_type)
    reply = DOOR.refuse(error, request({}))

    assert reply.status == 415
    assert "`application/json`" in json.loads(reply.body)["detail"]


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", None])
def test_json_that_curl_calls_a_form_is_told_what_to_be_called(media_type: str | None) -> None:
    error = refused({"name": "a", "size": 1}, media_type)

    assert error.hint == "send `Content-Type: application/json`; curl does with `--json`"


def test_an_empty_answer_is_a_list_still() -> None:
    asked = DOOR.read(request([{}]), SHOP)

    assert DOOR.reply(asked, answered(SHOP, [])).body == b"[]"
