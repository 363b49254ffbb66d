"""The gateway's OpenAPI document says what it does, whatever it allows to be asked."""

from __future__ import annotations

import os
import re
from typing import Any

import jsonschema
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks
from tests.conformance.serving.ground import INPUTS, OUTPUTS, Ground, Sent, answer_to
from tests.contracts import contract
from tests.verification import asks

from ketch.serving.doors.openapi import document

ROW = {"name": "a", "size": 3}
SHOP = contract(INPUTS, OUTPUTS, (asks("one", ROW, answer_to(ROW)),))
load_all_checks()
schema = schemathesis.openapi.from_dict(document({"shop": SHOP}, "the routes of this gateway"))
EXAMPLES = 400 if os.environ.get("KETCH_TEST_FAULTS") == "full" else 60
NOT_OURS = {
    "positive_data_acceptance",  # a schema cannot say that tensors have as many rows
    "missing_required_header",  # there is none
}
"""Checks that ask what no schema says."""


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=bool(os.environ.get("CI")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_nothing_that_may_be_asked_is_a_fault(case: schemathesis.Case[Any], ground: Ground) -> None:
    """Every answer has a status, a type and a form that the document tells, and none is a 5xx."""
    arm = case.headers.get("Ketch-Arm") if case.headers else None
    if arm is not None and len(arm) % 4:
        case.headers["Ketch-Arm"] = "prod"  # else nearly all ask for an arm that is not there
    checks: Any = [check for check in CHECKS.get_all() if check.__name__ not in NOT_OURS]
    case.call_and_validate(base_url=ground.url, checks=checks)


def test_the_document_is_one_and_tells_of_every_route(ground: Ground) -> None:
    found = ground.ask(Sent("/openapi.json", method="GET", where="page"))[0].json

    assert found["openapi"] == "3.1.0"
    for described in found["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(described)
    for kind, name in re.findall(r"'\$ref': '#/components/(\w+)/([\w.]+)'", repr(found)):
        assert name in found["components"][kind]
    assert set(found["paths"]) == {"/outcomes"} | {
        at
        for name in ("shop", "plain")
        for at in (f"/{name}", f"/{name}/invocations", f"/v2/models/{name}/infer")
    }
