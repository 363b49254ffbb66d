"""What is promised of changing JSON text, whatever the text."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from ketch.authoring.editing import drop_member, member_text, set_member

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, min_size=1, max_size=4)
LAYOUTS = st.fixed_dictionaries(
    {
        "indent": st.sampled_from([None, None, 1, 2, 4, "\t"]),
        "ensure_ascii": st.booleans(),
        "separators": st.sampled_from([(", ", ": "), (",", ":"), (" ,  ", " : ")]),
    }
)
NAMES = st.text(max_size=5)


@given(OBJECTS, LAYOUTS, NAMES, VALUES, st.text(max_size=5))
def test_a_member_that_was_set_is_there_and_every_other_is_written_as_before(
    body: dict[str, object], layout: dict[str, object], name: str, value: object, like: str
) -> None:
    text = json.dumps(body, **layout)  # type: ignore[arg-type] # what `dumps` takes
    changed = set_member(text, name, value, like=like)
    assert json.loads(changed) == {**body, name: value}
    assert list(json.loads(changed)) == list({**body, name: value})
    for other in body.keys() - {name}:
        assert member_text(changed, other) == member_text(text, other)


@example({"": [[None]]}, {"indent": 1}, "", [None, [None]])
@given(OBJECTS, LAYOUTS, NAMES, VALUES)
def test_setting_a_member_twice_is_setting_it_once(
    body: dict[str, object], layout: dict[str, object], name: str, value: object
) -> None:
    text = json.dumps(body, **layout)  # type: ignore[arg-type] # what `dumps` takes
    once = set_member(text, name, value)
    assert set_member(once, name, value) == once


@given(OBJECTS, LAYOUTS, st.data())
def test_a_member_that_was_dropped_is_gone_and_every_other_is_written_as_before(
    body: dict[str, object], layout: dict[str, object], data: st.DataObject
) -> None:
    text = json.dumps(body, **layout)  # type: ignore[arg-type] # what `dumps` takes
    name = data.draw(st.sampled_from(sorted(body)))
    changed = drop_member(text, name)
    assert json.loads(changed) == {key: body[key] for key in body if key != name}
    for other in body.keys() - {name}:
        assert member_text(changed, other) == member_text(text, other)
