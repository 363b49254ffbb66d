"""The OpenAPI document says what a gateway does, whatever it allows to be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from tests.contracts import contract_of
from tests.gateways import Serving, serving
from tests.shop import INPUTS, NAME, OUTPUTS, open_shop

from ketch.schema import Schema
from ketch.serving.doors.openapi import document

pytestmark = pytest.mark.e2e

EXAMPLES = 300
NOT_OURS = {
    "positive_data_acceptance",  # a schema says less than the decoder checks
    "missing_required_header",  # there is none
}


def _fields(table: str, *, answers: bool) -> Any:
    import tomllib

    from ketch.schema import parse_fields

    return parse_fields(tomllib.loads(table), "shop", answers=answers)[0]


SCHEMA = Schema(_fields(INPUTS, answers=False), _fields(OUTPUTS, answers=True))
DOCUMENT = document({"shop": contract_of(SCHEMA)}, "the shop")
schema = schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, author: Callable[..., Path]
) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("openapi")
    home = open_shop(folder / "shop", folder / "home", author)
    with serving(home, NAME) as started:
        yield started


@pytest.mark.thorough  # over HTTP what conformance/serving asks inside the process
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_may_be_asked_is_a_fault(
    case: schemathesis.Case[Any], gateway: Serving
) -> None:
    """Every answer has a status, a type and a form that the document tells, and none is a 5xx."""
    checks: Any = [check for check in CHECKS.get_all() if check.__name__ not in NOT_OURS]
    case.call_and_validate(base_url=gateway.url, checks=checks)


def test_the_document_of_the_gateway_has_the_same_paths(gateway: Serving) -> None:
    found = gateway.ask("/openapi.json").json

    assert found["openapi"] == "3.1.0"
    assert found["paths"].keys() == DOCUMENT["paths"].keys()
    assert gateway.ask("/shop/openapi.json").json["paths"].keys() == found["paths"].keys()
    for described in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(described)


def test_the_pages_are_there_with_what_they_need(gateway: Serving) -> None:
    for path, kind in (
        *(("/docs", "text/html"), ("/docs/shop", "text/html")),
        *(("/docs/try.js", "text/javascript"), ("/docs/page.css", "text/css")),
    ):
        said = gateway.ask(path)
        assert said.status == 200, path
        assert said.headers["content-type"].startswith(kind)
        assert "default-src 'none'" in said.headers["content-security-policy"]
