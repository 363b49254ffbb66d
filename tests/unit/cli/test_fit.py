"""Texts fit a hundred columns and still show what matters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ketch.cli.fit import WIDTH, around, both, crop, folded

LINES = st.text(st.characters(blacklist_categories=("C", "Z"), whitelist_characters=" "))


@given(LINES, st.integers(2, 120))
def test_a_cropped_text_fits_and_begins_as_it_did(text: str, width: int) -> None:
    cropped = crop(text, width)
    assert cell_len(cropped) <= width
    assert text.startswith(cropped.removesuffix("…"))
    assert cropped == text or cell_len(text) > width


def test_wide_characters_take_two_columns() -> None:
    assert crop("漢字漢字", 6) == "漢字…"


@given(LINES, st.integers(0, 12), st.integers(1, 5))
def test_folded_lines_fit(text: str, indent: int, most: int) -> None:
    lines = list(folded(f"x {text}", indent=indent, most=most))
    assert all(cell_len(line) <= WIDTH for line in lines)
    assert all(line.startswith(" " * indent) for line in lines[1:])


def test_a_short_text_is_folded_at_words_and_nothing_is_lost() -> None:
    text = "  ✗ " + " ".join(f"word{at}" for at in range(30))
    lines = list(folded(text, indent=6))
    assert " ".join(line.strip() for line in lines) == text.strip()
    assert lines[0].startswith("  ✗ word0")
    assert lines[1].startswith("      word")


def test_the_middle_of_a_long_text_is_left_out() -> None:
    text = f"begins {'x' * 2_000} ends"
    lines = list(folded(text, indent=4))
    assert len(lines) <= 3
    assert lines[0].startswith("begins")
    assert lines[-1].endswith("ends")
    assert " … " in " ".join(lines)


def test_lines_become_one() -> None:
    assert list(folded("one\ntwo", indent=2)) == ["one two"]


def test_two_values_share_a_line_when_it_fits() -> None:
    assert both("row 0", "`1`", "`2`", indent=4) == "row 0: expected `1`, found `2`"


def test_two_long_values_stand_below_each_other_around_their_difference() -> None:
    same = "abc" * 60
    told = both("row 0", f"`{same}old{same}`", f"`{same}new{same}`", indent=4).splitlines()
    assert told[0] == "row 0:"
    assert told[1].startswith("    expected …abcabcabcabcoldabc")
    assert told[2].startswith("    found    …abcabcabcabcnewabc")
    assert all(cell_len(line) <= WIDTH for line in told)


@given(LINES, LINES, st.integers(20, 90))
def test_the_first_difference_is_always_in_sight(one: str, other: str, width: int) -> None:
    left, right = around(one, other, width)
    assert max(cell_len(left), cell_len(right)) <= width
    if one != other:
        assert left != right
