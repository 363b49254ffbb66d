"""Attestations: statements about a package's digest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.packages import TRACE, replaced_json

from ketch.errors import ManifestError
from ketch.package import Attestation, Digest
from ketch.package.attestation import STATEMENT, VERIFICATION

SUBJECT = Digest.of(b"package")
STATED = Attestation("hello:1.0.0", SUBJECT, True, {"checks": ["a"], "started": "now"}, (TRACE,))
CONTENT = STATED.to_bytes()


def refusal(content: bytes) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        Attestation.from_bytes(content)
    return caught.value


def test_a_statement_survives_writing_and_reading() -> None:
    assert Attestation.from_bytes(CONTENT) == STATED


def test_it_is_an_in_toto_statement() -> None:
    body = json.loads(CONTENT)
    assert body["_type"] == STATEMENT
    assert body["predicateType"] == VERIFICATION
    assert body["subject"] == [{"name": "hello:1.0.0", "digest": {"sha256": SUBJECT.hex}}]
    assert body["predicate"]["passed"] is True


def test_what_a_predicate_says_about_passing_is_not_believed_over_the_statement() -> None:
    stated = Attestation("a:1", SUBJECT, False, {"passed": True, "traces": ["x"]})
    assert Attestation.from_bytes(stated.to_bytes()).passed is False


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("_type",), None),
        (("predicateType",), "https://slsa.dev/provenance/v1"),
        (("subject",), []),
        (("subject",), {}),
        (("subject",), [{}]),
        (("subject",), "x"),
        (("subject", 0, "name"), 3),
        (("subject", 0, "digest"), None),
        (("subject", 0, "digest"), {"sha512": "a" * 128}),
        (("subject", 0, "digest", "sha256"), "A" * 64),
        (("subject", 0, "digest", "sha256"), "../x"),
        (("subject", 0, "digest", "sha256"), 3),
        (("predicate",), []),
        (("predicate",), [["passed", True], ["traces", []]]),
        (("predicate",), None),
        (("predicate", "passed"), "true"),
        (("predicate", "passed"), 1),
        (("predicate", "traces"), None),
        (("predicate", "traces"), {}),
        (("predicate", "traces"), "x"),
        (("predicate", "traces", 0), None),
        (("predicate", "traces", 0, "scenario"), 3),
        (("predicate", "traces", 0, "inputs"), "x"),
        (("predicate", "traces", 0, "steps"), {}),
        (("predicate", "traces", 0, "steps", 0), []),
        (("predicate", "traces", 0, "steps", 0, "fields", 0), "x"),
        (("predicate", "traces", 0, "steps", 0, "fields", 0), {}),
    ],
)
def test_another_statement_is_refused(path: tuple[Any, ...], value: object) -> None:
    assert refusal(replaced_json(CONTENT, *path, value=value)).code == "package/attestation"


def test_a_statement_about_two_packages_is_refused() -> None:
    body = json.loads(CONTENT)
    refusal(replaced_json(CONTENT, "subject", value=body["subject"] * 2))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100, b'{"a":1,"a":1}'])
def test_what_is_no_strict_json_is_refused(content: bytes) -> None:
    assert refusal(content).code == "package/attestation"
