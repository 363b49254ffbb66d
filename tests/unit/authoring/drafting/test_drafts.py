"""Draft scenarios: rows that the drafted schema takes."""

from __future__ import annotations

from ketch.authoring.drafting.drafts import draft_scenarios, unused
from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.plan import Plan
from ketch.schema import Field, Float, Int, String, decode, parse_type

INPUTS = (Field("age", Float(64), nullable=True), Field("city", String(), values=("a", "b")))
NAMES = {"age": "Age", "city": "city"}


def plan(*inputs: Field, typical: dict[str, float] | None = None) -> Plan:
    return Plan((), (), inputs, (), typical=typical or {})


def test_rows_of_the_example_come_first_alone_and_then_together() -> None:
    rows = ({"Age": 1, "city": "a", "more": 1}, {"Age": None, "city": "b"}, {"Age": 2, "city": "?"})
    drafts = draft_scenarios(plan(*INPUTS), Examples(rows), NAMES)
    assert [one.name for one in drafts] == ["example-1", "example-2", "examples-together"]
    assert drafts[0].inputs == ({"age": 1, "city": "a"},)
    assert drafts[2].inputs == ({"age": 1, "city": "a"}, {"age": None, "city": "b"})
    assert all(one.draft and one.expected is None for one in drafts)


def test_without_rows_that_fit_values_are_invented() -> None:
    drafts = draft_scenarios(
        plan(*INPUTS, typical={"age": 48.5}), Examples(({"Age": "x", "city": "a"},)), NAMES
    )
    assert [one.inputs for one in drafts] == [
        ({"age": 48.5, "city": "a"},),
        ({"age": 48.5, "city": "b"},),
    ]


def test_invented_values_fit_every_type() -> None:
    types = (
        "bool", "uint8", "float16", "string", "binary", "date32", "timestamp[ms]",
        "timestamp[us, UTC]", "list<int8>", "struct<a: int64, b: list<string>?>",
        "tensor<float32, [-1, 3]>", "tensor<bool, [2]>",
    )  # fmt: skip
    fields = tuple(Field(f"f{at}", parse_type(name)) for at, name in enumerate(types))
    for draft in draft_scenarios(plan(*fields), Examples(), {}):
        assert decode(fields, draft.inputs)[1] == ()


def test_one_draft_is_enough_when_a_second_would_say_the_same() -> None:
    drafts = draft_scenarios(plan(Field("n", Int(64), values=(7,))), Examples(), {})
    assert len(drafts) == 1


def test_that_no_row_of_the_example_was_taken_is_said_with_the_reason() -> None:
    lacking = unused(plan(*INPUTS), Examples(({"city": "a"},), "rows.csv"), {"city": "city"})
    assert [(one.code, one.where) for one in lacking] == [("init/example-unused", "rows.csv")]
    assert "they lack `age`" in lacking[0].message
    (refused,) = unused(plan(*INPUTS), Examples(({"Age": "x", "city": "a"},)), NAMES)
    assert "the schema refuses them" in refused.message


def test_rows_that_were_taken_or_were_never_given_are_nothing_to_tell() -> None:
    assert unused(plan(*INPUTS), Examples(), {}) == ()
    rows = ({"Age": "x", "city": "a"}, {"Age": 1, "city": "a"})
    assert unused(plan(*INPUTS), Examples(rows), NAMES) == ()
