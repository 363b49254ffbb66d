"""The OpenAPI document says what the hub does, whatever it allows to be asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from tests.hubs import Nursery, Served
from tests.registries import Office, There

from ketch.hub.access import Role
from ketch.hub.api import CALLS, PREFIX
from ketch.hub.openapi import PROBES, document

pytestmark = pytest.mark.servers

schema = schemathesis.openapi.from_dict(document())
EXAMPLES = 25
NOT_OURS = {
    "positive_data_acceptance",  # a schema cannot say that a package exists
    "missing_required_header",  # there is none but the token
}
"""Checks that ask what no schema says."""


@pytest.fixture(scope="module")
def served(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A hub with packages that may be moved about."""
    with nursery.hub(tmp_path_factory.mktemp("hub") / "home") as found:
        office = Office(There(found))
        office.in_prod("shop:1.0.0")
        office.publish("shop:1.1.0")
        office.close()
        yield found


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_may_be_asked_is_a_fault(case: schemathesis.Case[Any], served: Served) -> None:
    """Every answer has a status, a type and a form that the document tells, and none is a 5xx."""
    token = served.token("otto", Role.ADMIN)
    checks: Any = [check for check in CHECKS.get_all() if check.__name__ not in NOT_OURS]
    case.call_and_validate(
        base_url=served.url, headers={"Authorization": f"Bearer {token}"}, checks=checks
    )


def test_the_document_is_one() -> None:
    found = document()
    assert found["openapi"] == "3.1.0"
    for described in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(described)
    references = re.findall(r"'\$ref': '#/components/(\w+)/(\w+)'", repr(found))
    for kind, name in references:
        assert name in found["components"][kind]


def test_every_call_is_told_with_the_role_it_needs() -> None:
    paths = document()["paths"]
    for call in CALLS:
        told = paths[f"{PREFIX}{call.path}"][call.method.lower()]
        assert told["x-ketch-role"] == str(call.needs)
    for probe in PROBES:
        told = paths[probe]["get"]
        assert (told["x-ketch-role"], told["security"]) == (str(Role.ANYBODY), [])
    assert sum(len(methods) for methods in paths.values()) == len(CALLS) + len(PROBES)


def test_the_hub_serves_its_document(served: Served) -> None:
    assert served.ask("GET", f"{PREFIX}/openapi.json").json == document()
