"""What a model's own code says of it is read with distrust."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.authoring.drafting.said import Said, SaidColumn
from ketch.errors import UsageError
from ketch.schema import String

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
MEMBERS = [*sorted(Said.__dataclass_fields__), "class"]


def test_what_is_known_is_read() -> None:
    body = {
        "class": "m.C",
        "columns": [{"name": "city", "type": "string", "values": ["a"], "tolerant": True}],
    }
    said = Said.read(json.dumps(body), "m.pkl")
    assert said.class_name == "m.C"
    assert said.columns == (SaidColumn("city", String(), ("a",), tolerant=True),)


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON))
def test_anything_else_is_passed_over(body: dict[str, object]) -> None:
    Said.read(json.dumps(body), "m.pkl")


def test_text_that_could_end_a_line_of_code_is_made_harmless() -> None:
    body = {"class": "x\n__import__('os')", "columns": [{"name": "a\u2028b\x1b"}]}
    said = Said.read(json.dumps(body), "m.pkl")
    assert said.class_name.isprintable()
    assert said.columns is not None
    assert said.columns[0].name.isprintable()


@pytest.mark.parametrize("reply", ["[]", "1", "{"])
def test_no_description_is_refused(reply: str) -> None:
    with pytest.raises(UsageError):
        Said.read(reply, "m.pkl")
