"""From the columns of training to the fields of a request, and what is said about it."""

from __future__ import annotations

import pytest

from ketch.authoring.drafting.columns import columns_of, field_names
from ketch.authoring.drafting.examples import Examples
from ketch.authoring.drafting.said import Said, SaidColumn
from ketch.schema import Field, Float, Int, String, Tensor
from ketch.schema.types import NAME

AGE, CITY = SaidColumn("age"), SaidColumn("city", String(), ("Bern", "Chur"), closed=True)


def said(*columns: SaidColumn, width: int | None = None) -> Said:
    return Said("m", columns=columns or None, width=width or len(columns) or None)


def rows(*values: dict[str, object]) -> Examples:
    return Examples(values, "rows.csv")


def codes(found: object) -> set[str]:
    return {finding.code for finding in found.findings}  # type: ignore[attr-defined] # Columns


def test_the_model_alone_says_what_it_knows() -> None:
    found = columns_of(said(AGE, CITY), Examples())
    assert found.fields == (
        Field("age", Float(64)),
        Field("city", String(), values=("Bern", "Chur")),
    )
    assert codes(found) == {"init/types-unknown"}


def test_example_rows_say_the_types_and_their_other_columns_are_left_out() -> None:
    found = columns_of(said(AGE, CITY), rows({"age": 3, "city": "Bern", "bought": True}))
    assert found.fields[0] == Field("age", Int(64))
    assert codes(found) == {"init/integers", "init/not-an-input"}


def test_whole_numbers_with_gaps_become_floats_for_the_model() -> None:
    found = columns_of(said(AGE), rows({"age": 3}, {"age": None}))
    assert found.fields == (Field("age", Int(64), nullable=True),)
    assert found.floats == ("age",)
    assert codes(found) == {"init/integers-with-gaps"}


def test_a_column_that_the_example_lacks_is_named() -> None:
    assert "init/not-in-example" in codes(columns_of(said(AGE, CITY), rows({"age": 3.5})))


def test_times_without_a_zone_are_pointed_out() -> None:
    found = columns_of(said(AGE), rows({"age": "2026-01-01T10:00:00"}))
    assert "init/naive-timestamp" in codes(found)


def test_categories_that_the_file_lacks_are_pointed_out() -> None:
    found = columns_of(said(SaidColumn("city", String(), coded=True)), Examples())
    assert "init/categories-unknown" in codes(found)


def test_columns_without_names_take_those_of_an_example_that_is_as_wide() -> None:
    found = columns_of(said(width=2), rows({"a": 1.5, "b": 2.5}))
    assert [field.name for field in found.fields] == ["a", "b"]
    assert "init/no-feature-names" in codes(found)


def test_columns_without_names_are_numbered() -> None:
    found = columns_of(said(width=2), rows({"a": 1.5, "b": 2.5, "target": 1}))
    assert [field.name for field in found.fields] == ["x0", "x1"]


def test_many_columns_without_names_are_one_tensor() -> None:
    found = columns_of(said(width=784), Examples())
    assert found.fields == (Field("features", Tensor(Float(64), (784,))),)
    assert found.is_tensor


def test_names_that_no_field_can_have_are_mapped() -> None:
    found = columns_of(said(SaidColumn("price (eur)", Float(64))), rows({"price (eur)": 1.5}))
    assert found.names == {"price_eur": "price (eur)"}
    assert codes(found) == {"init/renamed"}


@pytest.mark.parametrize(
    "column", ["", "  ", "ü", "größe", "2nd", "a" * 300, "日本", 'x"\n', "a.", "-", "_"]
)
def test_every_column_gets_a_name_that_a_field_can_have(column: str) -> None:
    chosen = field_names([column, f"{column}(", f"{column})"])
    assert all(NAME.fullmatch(name) for name in chosen.values())
    assert len(set(chosen.values())) == len(chosen)


def test_what_a_model_does_with_a_new_category_is_told_as_it_says_it() -> None:
    unknown = SaidColumn("city", String(), ("Bern", "Chur"))
    (open_,) = columns_of(said(unknown), rows({"city": "Bern"})).findings
    assert "does not say what it does with a new category of `city`" in open_.message
    tolerant = SaidColumn("city", String(), ("Bern", "Chur"), tolerant=True)
    (known,) = columns_of(said(tolerant), rows({"city": "Bern"})).findings
    assert known.message == "the model takes a new category of `city` as none of `Bern`, `Chur`"


def test_a_column_of_words_has_no_categories_to_speak_of() -> None:
    words = SaidColumn("note", String(), tolerant=True)
    assert columns_of(said(words), rows({"note": "two words"})).findings == ()
