import pytest

from ketch.errors import UsageError
from ketch.schema import Int, List, Member, String, Struct, Tensor, Timestamp, parse_type
from ketch.schema.types import Float


def test_a_type_is_read_from_its_arrow_name() -> None:
    text = "struct<a: list<string>?, b: tensor<float32, [-1, 3]>, c: timestamp[ms, Europe/Berlin]>"
    assert parse_type(text) == Struct(
        (
            Member("a", List(String()), nullable=True),
            Member("b", Tensor(Float(32), (-1, 3))),
            Member("c", Timestamp("ms", "Europe/Berlin")),
        )
    )
    assert str(parse_type(text)) == text


def test_spaces_between_the_parts_do_not_matter() -> None:
    assert parse_type(" struct< a :int64 ,b: list< int64 >? > ") == Struct(
        (Member("a", Int(64)), Member("b", List(Int(64)), nullable=True))
    )


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("float", "did you mean `float64`?"),
        ("long", "did you mean `int64`?"),
        ("datetime", "did you mean `timestamp[us, UTC]`?"),
        ("sting", "did you mean `string`?"),
        ("list<str>", "did you mean `string`?"),
        ("Int64", "did you mean `int64`?"),
    ],
)
def test_a_type_of_another_tool_is_refused_with_ours_as_a_hint(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_type(text, "ketch.toml: inputs.x")
    assert raised.value.code == "schema/bad-type"
    assert raised.value.where == "ketch.toml: inputs.x"
    assert raised.value.hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "int64?",
        "int64 int64",
        "int128",
        "list",
        "list<>",
        "list<int64",
        "list<int64?>",
        "struct<>",
        "struct<a>",
        "struct<a: int64,>",
        "struct<a: int64, a: string>",
        "struct<1a: int64>",
        "timestamp",
        "timestamp[m]",
        "timestamp[us, ]",
        "timestamp[us, ../etc]",
        "tensor<string, [3]>",
        "tensor<float32, []>",
        "tensor<float32, [0]>",
        "tensor<float32, [-2]>",
        "tensor<float32, [" + ", ".join(["1"] * 17) + "]>",
        "list<" * 17 + "int64" + ">" * 17,
        "list<" * 50_000,
        "é",
    ],
)
def test_a_text_that_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        parse_type(text)


def test_a_refusal_says_where_in_the_text() -> None:
    with pytest.raises(UsageError) as raised:
        parse_type("struct<a: int64, b: strng>")
    assert "found `strng>` at character 21" in raised.value.message
