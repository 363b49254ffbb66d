"""What package code says reaches a terminal whole, and does nothing to it."""

import pytest

from ketch.schema.problems import escaped


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zürich\n\t30 °C", "Zürich\n\t30 °C"),
        ("\x1b[2J\r\x00\x9b", r"\x1b[2J\r\x00\x9b"),
        ("a\u202eb\u2028\U000e0001\udc80", r"a\u202eb\u2028\U000e0001\udc80"),
        ("x" * 10_000, "x" * 10_000),
    ],
    ids=["words", "control", "order", "long"],
)
def test_text_is_shown_whole_with_escapes_for_what_moves_a_terminal(text: str, shown: str) -> None:
    assert escaped(text) == shown
