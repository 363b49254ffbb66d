"""Whatever a model file calls its columns and classes, it stays text in what is written."""

from __future__ import annotations

import ast
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from ketch.authoring.drafting import literals
from ketch.authoring.drafting.compose import pipeline
from ketch.authoring.drafting.plan import Piece, Plan
from ketch.schema import Field, Float, String, parse_fields
from ketch.schema.types import NAME

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(VALUES)
def test_a_value_written_as_python_is_read_back_the_same(value: object) -> None:
    assert ast.literal_eval(literals.python(value)) == value


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_docstring_ends_where_it_should(title: str) -> None:
    shown = "".join(char for char in title if char.isprintable())
    tree = ast.parse(f'"""{literals.docstring(shown)}\n"""\n')
    assert len(tree.body) == 1
    assert isinstance(tree.body[0], ast.Expr)


@given(
    st.from_regex(NAME, fullmatch=True),
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, unique=True
    ),
)
def test_a_field_written_as_toml_is_read_back_the_same(name: str, values: list[str]) -> None:
    field = Field(name, String(), nullable=True, values=tuple(values))
    table = tomllib.loads(literals.field_line(field))
    assert parse_fields(table, "inputs") == ((field,), ())


def test_a_plain_field_is_a_plain_line() -> None:
    assert literals.field_line(Field("age", Float(64))) == 'age = "float64"'


def test_a_hostile_file_name_stays_a_string() -> None:
    name = '"); import os; os.system("true"); ("'
    plan = Plan((Piece("load_pickle.py", {"file": literals.python(name)}),), ("predict",), (), ())
    tree = ast.parse(pipeline(plan, f'""" {name}'))
    imported = [node.names[0].name for node in tree.body if isinstance(node, ast.Import)]
    assert imported == ["pickle"]
