"""What is said about a value: short, and fit for a terminal."""

from __future__ import annotations

import pytest

from ketch.schema.problems import kind, printable, show


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hour", "hour"),
        ("Zoë 世界", "Zoë 世界"),
        ("\x1b[2J", "\ufffd[2J"),
        ("a\nb\x00", "a\ufffdb\ufffd"),
        ("abc\u202egnp", "abc\ufffdgnp"),
        ("x" * 121, "x" * 119 + "…"),
    ],
)
def test_text_that_is_shown_moves_no_cursor_and_has_an_end(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_shorter_end_can_be_asked_for() -> None:
    assert printable("x" * 1_000_000, 8) == "xxxxxxx…"
    assert printable("x" * 8, 8) == "x" * 8


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "`null`"),
        (True, "`true`"),
        (1.5, "`1.5`"),
        (10**1000, "an integer of more than 128 bits"),
        ("a\nb", '`"a\\nb"`'),
        ("é", '`"é"`'),
        ([1, 2], "a list of 2 items"),
        (b"x", "a Python `bytes`"),
    ],
)
def test_a_value_is_shown_as_json_writes_it(value: object, shown: str) -> None:
    assert show(value) == shown


def test_a_value_that_may_not_be_shown_is_described() -> None:
    assert kind("secret") == "text of 6 characters"
    assert kind({"a": 1}) == "an object of 1 members"
