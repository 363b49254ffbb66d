"""Two texts, line by line."""

from __future__ import annotations

import re
from difflib import unified_diff

from hypothesis import given
from hypothesis import strategies as st

from ketch.compare.diff.lines import Lines, Text, line_diff, split

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "@@ d", "-e"]), max_size=30)


def between(a: list[str], b: list[str]) -> Lines:
    return line_diff(Text(tuple(a)), Text(tuple(b)))


def patched(a: list[str], diff: tuple[str, ...]) -> list[str]:
    """Apply the hunks of a diff to a text, and check that its context is there."""
    result: list[str] = []
    at = 0
    for line in diff:
        head = re.fullmatch(r"@@ -(\d+),(\d+) \+\d+,\d+ @@", line)
        if head:
            begin = int(head[1]) - (int(head[2]) > 0)
            result += a[at:begin]
            at = begin
        elif line[0] == "+":
            result.append(line[1:])
        else:
            assert a[at] == line[1:]
            result += [line[1:]] if line[0] == " " else []
            at += 1
    return result + a[at:]


@given(TEXTS, TEXTS)
def test_a_diff_makes_b_of_a_and_turned_around_a_of_b(a: list[str], b: list[str]) -> None:
    found = between(a, b)
    assert patched(a, found.diff) == b
    assert between(b, a) == found.mirrored()


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(a: list[str]) -> None:
    assert between(a, a) == Lines(0, 0)


def test_hunks_are_those_of_a_unified_diff() -> None:
    a = [f"line {number}" for number in range(40)]
    b = [*a[:5], "new", *a[5:20], *a[21:], "end"]
    assert list(between(a, b).diff) == [
        line if line[0] != "@" else re.sub(r"([-+]\d+)(?= )", r"\1,1", line)
        for line in list(unified_diff(a, b, lineterm=""))[2:]
    ]


def test_a_long_diff_says_how_much_was_left_out() -> None:
    a, b = [str(number) for number in range(3_000)], [str(-number) for number in range(1, 3_000)]
    found = between(a, b)
    assert (found.added, found.removed) == (2_999, 3_000)
    assert len(found.diff) + found.left_out == 6_000  # and the head of the hunk
    assert line_diff(Text(tuple(a)), Text(tuple(b)), most=0) == Lines(2_999, 3_000, (), 5_999)


def test_lines_are_counted_as_python_counts_them() -> None:
    assert split("a\fb\r\nc\u2028d\re\n") == ("a\fb", "c\u2028d", "e")
