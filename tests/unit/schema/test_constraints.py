import tomllib

import pytest

from ketch.schema import Field, parse_fields


def read(declaration: str) -> tuple[Field | None, list[str]]:
    fields, findings = parse_fields(tomllib.loads(f"a = {declaration}"), "s")
    return (fields[0] if fields else None), [f"{one.where} {one.code}" for one in findings]


@pytest.mark.parametrize(
    ("declaration", "name", "value"),
    [
        ('{ type = "float64", min = 0 }', "min", 0.0),
        ('{ type = "list<int8>", max = 5 }', "max", 5),
        ('{ type = "date32", min = 2024-01-01 }', "min", "2024-01-01"),
        ('{ type = "date32", min = "2024-01-01" }', "min", "2024-01-01"),
        (
            '{ type = "timestamp[us, UTC]", max = 2024-01-01T01:00:00+01:00 }',
            "max",
            "2024-01-01T00:00:00Z",
        ),
        ('{ type = "timestamp[us]", max = 2024-01-01T01:00:00 }', "max", "2024-01-01T01:00:00"),
        ('{ type = "string", values = ["a", "b"] }', "values", ("a", "b")),
        ('{ type = "tensor<float32, [3]>", rtol = 1 }', "rtol", 1.0),
        ('{ type = "list<string>", compare = "set" }', "compare", "set"),
        ('{ type = "list<string>", compare = "ranking@10" }', "compare", "ranking@10"),
        ('{ type = "string", compare = "checks.text:alike" }', "compare", "checks.text:alike"),
        ('{ type = "binary", max_length = 16 }', "max_length", 16),
    ],
)
def test_a_constraint_is_read_in_normal_form(declaration: str, name: str, value: object) -> None:
    field, findings = read(declaration)
    assert findings == []
    assert getattr(field, name) == value


@pytest.mark.parametrize(
    ("declaration", "finding"),
    [
        ('{ type = "string", min = 1 }', "s.a.min schema/bad-constraint"),
        ('{ type = "bool", max = true }', "s.a.max schema/bad-constraint"),
        ('{ type = "int64", min = 1.5 }', "s.a.min schema/wrong-type"),
        ('{ type = "int64", min = "1" }', "s.a.min schema/wrong-type"),
        ('{ type = "int8", max = 300 }', "s.a.max schema/out-of-range"),
        ('{ type = "float64", max = inf }', "s.a.max schema/not-finite"),
        ('{ type = "int64", min = 2, max = 1 }', "s.a.max schema/out-of-range"),
        ('{ type = "date32", min = 2024-02-01, max = 2024-01-01 }', "s.a.max schema/out-of-range"),
        ('{ type = "date32", min = "today" }', "s.a.min schema/bad-date"),
        (
            '{ type = "timestamp[us, UTC]", min = 2024-01-01T00:00:00 }',
            "s.a.min schema/bad-timestamp",
        ),
        ('{ type = "float64", values = [1.5] }', "s.a.values schema/bad-constraint"),
        ('{ type = "string", values = [] }', "s.a.values schema/bad-constraint"),
        ('{ type = "string", values = "abc" }', "s.a.values schema/bad-constraint"),
        ('{ type = "string", values = ["a", "a"] }', "s.a.values schema/bad-constraint"),
        ('{ type = "string", values = ["a", 1] }', "s.a.values schema/wrong-type"),
        ('{ type = "int64", min = 1, values = [0, 1] }', "s.a.values schema/out-of-range"),
        ('{ type = "string", max_items = 3 }', "s.a.max_items schema/bad-constraint"),
        ('{ type = "tensor<int8, [3]>", max_items = 3 }', "s.a.max_items schema/bad-constraint"),
        ('{ type = "list<int8>", max_items = -1 }', "s.a.max_items schema/bad-constraint"),
        ('{ type = "list<int8>", max_items = true }', "s.a.max_items schema/bad-constraint"),
        ('{ type = "int64", max_length = 3 }', "s.a.max_length schema/bad-constraint"),
        ('{ type = "string", rtol = 1e-6 }', "s.a.rtol schema/bad-constraint"),
        ('{ type = "float64", rtol = -1 }', "s.a.rtol schema/bad-constraint"),
        ('{ type = "float64", atol = nan }', "s.a.atol schema/bad-constraint"),
        ('{ type = "float64", compare = "set" }', "s.a.compare schema/bad-constraint"),
        ('{ type = "list<int8>", compare = "ranking@0" }', "s.a.compare schema/bad-constraint"),
        ('{ type = "list<int8>", compare = "alike" }', "s.a.compare schema/bad-constraint"),
        (
            '{ type = "list<float64>", compare = "set", rtol = 1e-6 }',
            "s.a.rtol schema/bad-constraint",
        ),
        ('{ type = "int64", nullable = "yes" }', "s.a.nullable schema/bad-constraint"),
        ('{ type = "int64", description = 3 }', "s.a.description schema/bad-constraint"),
        ('{ type = "int64", nulable = true }', "s.a schema/unknown-key"),
    ],
)
def test_a_constraint_the_type_cannot_keep_is_a_finding_and_left_out(
    declaration: str, finding: str
) -> None:
    field, findings = read(declaration)
    assert findings == [finding]
    assert field is not None
