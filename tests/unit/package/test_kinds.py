"""Kinds of values: what is right for us is right for an editor."""

from __future__ import annotations

import math
import time

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.package.kinds import (
    AMOUNT,
    ANYTHING,
    ENTRY_POINT,
    FILE,
    FLAG,
    LIBRARY,
    LINE,
    MOST,
    VARIABLE,
    WORDS,
    Kind,
    either,
    list_of,
    named,
    one_of,
    table_of,
    text,
)
from ketch.package.names import (
    LONGEST_NAME,
    LONGEST_VERSION,
    NAME_PATTERN,
    VERSION_PATTERN,
    check_name,
    check_version,
)

FRUIT = one_of("apple", "pear")
ENTRY = text("a function as `module:function`", pattern=ENTRY_POINT)
SETTINGS = table_of(LINE, text("a variable name", pattern=VARIABLE))
BUILDS = either(FLAG, list_of(text("a library", pattern=LIBRARY)))
NAME = named("a name", check_name, pattern=NAME_PATTERN, longest=LONGEST_NAME)
VERSION = named("a version", check_version, pattern=VERSION_PATTERN, longest=LONGEST_VERSION)


def is_valid(kind: Kind, value: object) -> bool:
    return bool(jsonschema.Draft202012Validator(dict(kind.schema)).is_valid(value))


@pytest.mark.parametrize(
    ("kind", "value", "is_right"),
    [
        (LINE, "x", True),
        (LINE, "", True),
        (LINE, "Zoë \u4e16 \U0001f600", True),
        (LINE, "a\nb", False),
        (LINE, "\x1b[2J", False),
        (LINE, "a\x9bb", False),
        (LINE, "a\u2028b", False),
        (LINE, "abc\u202egnp", False),
        (LINE, 3, False),
        (LINE, True, False),
        (LINE, None, False),
        (WORDS, "x", True),
        (WORDS, "  x ", True),
        (WORDS, "", False),
        (WORDS, "   ", False),
        (WORDS, "x\t", False),
        (FILE, "data/events.csv", True),
        (FILE, "events.csv", True),
        (FILE, "/a//b", True),
        (FILE, "data/", False),
        (FILE, "", False),
        (FILE, "a\nb", False),
        (FLAG, True, True),
        (FLAG, 1, False),
        (FLAG, "true", False),
        (AMOUNT, 1, True),
        (AMOUNT, 0.5, True),
        (AMOUNT, MOST, True),
        (AMOUNT, 0, False),
        (AMOUNT, -1, False),
        (AMOUNT, True, False),
        (AMOUNT, "1", False),
        (AMOUNT, MOST * 2, False),
        (AMOUNT, 10**400, False),
        (FRUIT, "pear", True),
        (FRUIT, "plum", False),
        (FRUIT, ["pear"], False),
        (ENTRY, "a.b:c", True),
        (ENTRY, "a:b:c", False),
        (ENTRY, "a.:b", False),
        (ENTRY, "é:b", False),
        (ENTRY, "a:b\u0661", False),
        (list_of(ENTRY), ["a:b"], True),
        (list_of(ENTRY), [], True),
        (list_of(ENTRY), ["a:b", "c"], False),
        (list_of(ENTRY), "a:b", False),
        (list_of(ENTRY, at_least=1), [], False),
        (list_of(ENTRY, at_least=1), ["a:b"], True),
        (SETTINGS, {"a": "b"}, True),
        (SETTINGS, {"a": 1}, False),
        (SETTINGS, {"a-b": "c"}, False),
        (SETTINGS, [], False),
        (BUILDS, ["scikit-learn", "x"], True),
        (BUILDS, False, True),
        (BUILDS, [1], False),
        (BUILDS, ["a\nb==1"], False),
        (BUILDS, ["All"], False),
        (BUILDS, ["allpairs"], True),
        (NAME, "top-sellers", True),
        (NAME, "Top Sellers", False),
        (NAME, "a" * 65, False),
        (NAME, 3, False),
        (VERSION, "1.0.0", True),
        (VERSION, "1.0-1", False),
        (VERSION, None, False),
        (ANYTHING, {"a": [None]}, True),
    ],
)
def test_a_kind_and_its_json_schema_agree(kind: Kind, value: object, is_right: bool) -> None:  # noqa: FBT001
    assert (kind.findings(value, "here") == ()) is is_right
    assert is_valid(kind, value) is is_right


@given(st.text(max_size=20) | st.text("aZ_0.:-@ \x00\x1b\u202e", max_size=8))
def test_they_agree_about_any_text(value: str) -> None:
    if value.endswith("\n"):
        return  # `$` matches before it in Python, and does not in ECMAScript
    for kind in (LINE, WORDS, ENTRY, FRUIT, NAME, VERSION, BUILDS):
        assert (kind.findings(value, "here") == ()) is is_valid(kind, value), kind.name


@given(
    st.from_regex(VERSION_PATTERN, fullmatch=True)
    | st.text("0123456789abcr.post+!v-_ \u0661", max_size=12)
)
def test_the_pattern_of_a_version_says_what_the_grammar_says(value: str) -> None:
    if not value.endswith("\n"):
        assert (check_version(value) == ()) is is_valid(VERSION, value)


def test_a_final_newline_is_seen() -> None:
    for kind in (LINE, WORDS, ENTRY, NAME, VERSION):
        assert kind.findings("1\n", "here")


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_an_amount_is_finite(value: float) -> None:
    """TOML has `inf`; a package is JSON, which has not."""
    assert AMOUNT.problem(value)


def test_a_grammar_says_what_is_wrong_in_its_own_words() -> None:
    (finding,) = NAME.findings("Top Sellers", "ketch.toml: package.name")
    assert (finding.code, finding.hint) == ("package/name-syntax", "did you mean `top-sellers`?")
    assert finding.where == "ketch.toml: package.name"
    (finding,) = NAME.findings(3, "here")
    assert finding.code == "manifest/wrong-value"


def test_the_item_that_is_wrong_is_named() -> None:
    assert "`c`" in str(list_of(ENTRY).problem(["a:b", "c"]))
    assert "`a-b`" in str(SETTINGS.problem({"a-b": "c"}))


@pytest.mark.parametrize(
    "value",
    [
        10**5000,
        -(10**5000),
        "x" * 10_000_000,
        [[[["x" * 1000] * 1000] * 10] * 10],
        {f"key {number}": "x" * 100 for number in range(100_000)},
        "\x1b[2Jgone\n",
        [b"\0", "\u202e"],
    ],
    ids=["long-integer", "negative", "long-text", "nested", "large-table", "terminal", "odd"],
)
def test_a_hostile_value_is_shown_in_one_short_line(value: object) -> None:
    began = time.monotonic()
    problem = AMOUNT.problem(value)
    assert problem is not None
    assert len(problem) < 120
    assert problem.isprintable()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("value", [" " * 1_000_000, "x " * 500_000 + "\n", " " * 10**6 + "\x1b"])
def test_a_long_text_is_judged_in_one_pass(value: str) -> None:
    began = time.monotonic()
    assert WORDS.problem(value)
    assert time.monotonic() - began < 10


def test_a_number_where_a_text_belongs_is_to_be_quoted() -> None:
    (found,) = text("a version", pattern=r".+").findings(3.11, "python")
    assert found.hint is not None
    assert found.hint.startswith('quote it: `"3.11"`')
    assert VERSION.findings(1.0, "version")[0].hint is not None
    others: tuple[object, ...] = (True, [], "é" * 200)
    for value in others:
        assert all(one.hint is None for one in LINE.findings(value, "x"))
