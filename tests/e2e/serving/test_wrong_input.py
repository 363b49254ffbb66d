"""The table of wrong inputs that peers answer with 500, or accept: here each is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateways import Said, Serving, serving

import ketch
from ketch.runtime import Home

pytestmark = pytest.mark.e2e

NUMBERS = ("price", "discount_pct", "days_since_visit", "basket_value", "views_7d", "age")
TEXTS = ("category", "channel", "device", "region")
ROW: dict[str, Any] = {
    **dict.fromkeys(NUMBERS, 12.5),
    "category": "cat_01",
    "channel": "email",
    "device": "phone",
    "region": "region-01",
}
INPUTS = "\n".join(
    [
        *(f'{name} = "float64"' for name in NUMBERS),
        'category = { type = "string", values = ["cat_01", "cat_02"] }',
        *(f'{name} = "string"' for name in TEXTS[1:]),
    ]
)
PIPELINE = """
def run(model, rows):
    return [{"p_buy": row["price"] / 100, "label": row["region"]} for row in rows]
"""


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ROW.items() if key != name}


def raw(name: str, literal: str) -> bytes:
    return json.dumps({**ROW, name: "?"}).replace('"?"', literal).encode()


# What is sent; then the code and the place of what is told, and words that must be in it.
WRONG: dict[str, tuple[object, str, str | None, tuple[str, ...]]] = {
    "missing numeric column": (without("age"), "schema/missing-field", "rows[0].age", ("`age`",)),
    "missing string column": (without("region"), "schema/missing-field", "rows[0].region", ("`region`",)),
    "renamed column": ({**without("age"), "Age_years": 12.5}, "schema/missing-field", "rows[0].age", ("Age_years",)),
    "extra column": ({**ROW, "extra": 1.5}, "schema/unknown-field", "rows[0].extra", ("extra",)),
    "text for a number": ({**ROW, "price": "abc"}, "schema/wrong-type", "rows[0].price", ("float64", "abc")),
    "a number in quotes": ({**ROW, "price": "12.5"}, "schema/wrong-type", "rows[0].price", ("float64", "without quotes")),
    "null for a number": ({**ROW, "price": None}, "schema/null", "rows[0].price", ("float64", "null")),
    "NaN": (raw("price", "NaN"), "json/syntax", "body", ("NaN", "null")),
    "Infinity": (raw("price", "Infinity"), "json/syntax", "body", ("Infinity",)),
    "null for text": ({**ROW, "category": None}, "schema/null", "rows[0].category", ("string", "null")),
    "an unknown category": ({**ROW, "category": "zzz"}, "schema/not-allowed", "rows[0].category", ("cat_01", "zzz")),
    "a number for text": ({**ROW, "category": 7}, "schema/wrong-type", "rows[0].category", ("string", "7")),
    "no rows": ([], "request/no-rows", "body", ("at least one row",)),
    "an object of another kind": ({}, "schema/missing-field", "rows[0].price", ("`price`",)),
    "no JSON": (b"hello, not json", "json/syntax", "body", ("JSON",)),
    "nothing": (b"", "json/syntax", "body", ("empty",)),
}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("wrong")
    author(
        folder / "buy",
        PIPELINE,
        name="buy",
        inputs=INPUTS,
        outputs='p_buy = "float64"\nlabel = "string"\n',
        scenarios=[{"inputs": ROW, "expected": {"p_buy": 0.125, "label": "region-01"}}],
    )
    home = Home(folder / "home")
    assert ketch.pack(folder / "buy", home=home).verified
    with serving(home, "buy:1.0.0") as started:
        yield started


def check(said: Said, status: int) -> None:
    assert said.status == status, said
    assert len(said.body) < 1_000
    assert b"Traceback" not in said.body
    assert b"region-01" not in said.body, "a body came back"


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_told_by_its_place(gateway: Serving, name: str) -> None:
    body, code, where, words = WRONG[name]

    said = gateway.ask("/buy", body)

    check(said, 400)
    assert (said.code, said.json.get("where")) == (code, where)
    for word in words:
        assert word in json.dumps(said.json)
    assert gateway.ask("/buy", ROW).status == 200


@pytest.mark.parametrize("name", WRONG)
def test_other_forms_refuse_the_same(gateway: Serving, name: str) -> None:
    body = WRONG[name][0]
    if isinstance(body, bytes):
        forms = {"/invocations": body, "/v2/models/buy/infer": body}
    else:
        rows: list[Any] = body if isinstance(body, list) else [body]
        columns = [
            {"name": key, "datatype": "FP64" if key in NUMBERS else "BYTES", "shape": [1], "data": [value]}
            for row in rows
            for key, value in row.items()
        ]  # fmt: skip
        made = {"dataframe_records": rows}, {"inputs": columns}
        forms = dict(zip(("/invocations", "/v2/models/buy/infer"), map(_json, made), strict=True))

    for path, content in forms.items():
        check(gateway.ask(path, content), 400)


def test_the_order_of_columns_means_nothing(gateway: Serving) -> None:
    assert gateway.ask("/buy", dict(reversed(ROW.items()))).json == gateway.ask("/buy", ROW).json


@pytest.mark.parametrize("valid", [True, False])
def test_a_body_of_fifty_megabytes_is_too_large(gateway: Serving, valid: object) -> None:
    one = _json(ROW)
    body = b"[" + b",".join([one] * (50_000_000 // len(one))) + b"]" if valid else b"x" * 50_000_000

    check(gateway.ask("/buy", body), 413)
    assert gateway.ask("/buy", ROW).status == 200


def _json(body: object) -> bytes:
    return json.dumps(body).encode()
