"""The values of personal data are in no message and in no trace."""

from __future__ import annotations

from tests.verification import Bench, asks

from ketch.cli.verification import report_text
from ketch.verify import attest, junit_xml

SOURCE = """
import random
def features(model, rows):
    return [{"mail": row["mail"], "size": len(row["mail"])} for row in rows]
def run(model, rows):
    return [{"mail": row["mail"].upper() + str(random.random()), "size": row["size"]} for row in rows]
"""
PERSONAL = {"mail": {"type": "string", "pii": True}}


def test_personal_data_is_neither_shown_nor_kept(bench: Bench) -> None:
    package = bench.package(
        SOURCE,
        asks("a", {"mail": "ann@home.example"}, {"mail": "ANN@HOME.EXAMPLE", "size": 3}),
        inputs=PERSONAL,
        outputs={**PERSONAL, "size": "int64"},
        steps=("pipeline:features", "pipeline:run"),
    )
    report = bench.verify(package)
    assert not report.passed
    kept = attest(report).to_bytes().decode()
    told = (report_text(report), junit_xml(report).decode(), kept)
    assert not any("home.example" in text.lower() for text in told)
    (personal, size) = report.scenarios[0].differences
    assert personal.message == "it differs; personal data is not shown"
    assert (size.expected, size.found) == (3, 16)
    assert "row 0, `mail`: it differs; personal data is not shown" in report_text(report)
    assert report.scenarios[0].trace is not None
    first = report.scenarios[0].trace.steps[0]
    assert [(field.name, field.head) for field in first.fields] == [("mail", ()), ("size", (16,))]
    assert first.fields[0].digest is not None


def test_parts_of_personal_data_are_personal_and_what_is_named_alike_is_not(bench: Bench) -> None:
    source = "def run(model, rows): return [{'who': {'mail': 'b'}, 'whose': 'b'}]"
    outputs = {"who": {"type": "struct<mail: string>", "pii": True}, "whose": "string"}
    expected = {"who": {"mail": "a"}, "whose": "a"}
    package = bench.package(source, asks("a", {"x": 1}, expected), outputs=outputs)
    personal, other = bench.verify(package).scenarios[0].differences
    assert (personal.field, personal.expected, personal.found) == ("who.mail", None, None)
    assert (other.field, other.expected, other.found) == ("whose", "a", "b")
