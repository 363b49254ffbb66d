"""The code of two packages, by function."""

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.compare.diff.changes import Kind
from ketch.compare.diff.code import Side, diff_code
from ketch.compare.diff.code_changes import Code
from ketch.compare.diff.files import File
from ketch.compare.diff.parts import parts_of
from ketch.package import Digest

BASE = dedent('''
    """What it does."""

    import math


    # halves it
    @cached
    def half(value):
        """Return half of it."""
        return value / 2


    class Model:
        size = 3

        def fit(self, rows):
            def inner():
                return rows
            return inner()

        async def predict(self, rows):
            return [half(row) for row in rows]


    if math.pi > 3:
        def twice(value):
            return 2 * value
    else:
        def twice(value):
            return value + value

    LIMIT = 7
''').lstrip()


def side(files: dict[str, bytes | str]) -> Side:
    contents = {path: one.encode() if isinstance(one, str) else one for path, one in files.items()}
    return Side({"steps": ["pipeline:predict"]}, contents, "3.11.7")


def between(a: str | bytes, b: str | bytes) -> Code:
    found = diff_code(side({"pipeline.py": a}), side({"pipeline.py": b}))
    assert diff_code(side({"pipeline.py": b}), side({"pipeline.py": a})) == found.mirrored()
    return found


def told(found: Code) -> list[tuple[str, str, bool]]:
    return [
        (part.name, str(part.kind), part.wording) for file in found.files for part in file.parts
    ]


def test_a_file_is_cut_into_its_definitions() -> None:
    parts = parts_of(BASE.encode(), "pipeline.py", python="3.11.7")
    assert list(parts) == ["", "half", "Model", "Model.fit", "Model.predict", "twice", "twice#2"]
    assert parts["half"].text.lines[0] == "# halves it"
    assert parts["half"].text.numbers == (6, 7, 8, 9, 10)
    assert parts["Model"].text.lines == ("class Model:", "    size = 3")
    assert "        def inner():" in parts["Model.fit"].text.lines
    assert parts[""].text.lines[-1] == "LIMIT = 7"


@given(st.lists(st.sampled_from(BASE.splitlines()), max_size=40))
def test_every_line_that_is_not_blank_is_in_one_part(lines: list[str]) -> None:
    content = "\n".join(lines).encode()
    parts = parts_of(content, "pipeline.py", python="3.11.7")
    found = sorted(line for part in parts.values() for line in part.text.lines if line.strip())
    assert found == sorted(line for line in lines if line.strip())


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("value / 2", "value / 3", [("half", "changed", False)]),
        ("# halves it", "# halves it, of course", [("half", "changed", True)]),
        ("Return half", "Give half", [("half", "changed", True)]),
        ("What it does", "What it did", [("", "changed", True)]),
        ("LIMIT = 7", "LIMIT = 8", [("", "changed", False)]),
        ("size = 3", "size = 3.0", [("Model", "changed", False)]),
        ("return rows", "return  rows", [("Model.fit", "changed", True)]),
        ("value + value", "value - value", [("twice#2", "changed", False)]),
        ("LIMIT = 7", "LIMIT = 7\n\n\ndef more():\n    pass", [("more", "added", False)]),
        ("\n\n# halves it", "\n\n\n\n# halves it", []),
        ("return value / 2", "return (", [("", "changed", False)]),
    ],
)
def test_a_change_is_told_where_it_is(old: str, new: str, expected: list[object]) -> None:
    assert old in BASE
    assert told(between(BASE, BASE.replace(old, new))) == expected


def test_other_words_alone_run_the_same() -> None:
    assert between(BASE, BASE.replace("# halves it", "# two of them make it")).wording
    assert between(BASE, BASE.replace("\n\n# halves it", "\n\n\n# halves it")).wording
    assert not between(BASE, BASE.replace("LIMIT = 7", "LIMIT = 8")).wording


def test_definitions_in_another_order_are_not_called_the_same() -> None:
    a, b = "def a():\n    return 1\n", "def b():\n    return 2\n"
    found = between(a + b, b + a)
    assert told(found) == []
    assert not found.wording


def test_a_function_that_moved_is_no_change_of_it() -> None:
    half = "def half(value):\n    return value / 2\n"
    rest = "def fit(rows):\n    return rows\n"
    method = "class Model:\n    def half(value):\n        return value / 2\n"
    a, b = side({"a.py": half + rest}), side({"a.py": rest, "b.py": method})
    found = diff_code(a, b)
    assert [(move.a, move.b) for move in found.moves] == [
        (("a.py", "half"), ("b.py", "Model.half"))
    ]
    assert told(found) == [("Model", "added", False)]
    assert diff_code(b, a) == found.mirrored()


def test_a_file_with_another_name_is_renamed() -> None:
    found = diff_code(side({"a.py": BASE}), side({"b.py": BASE}))
    assert [file.change.kind for file in found.files] == [Kind.RENAMED]
    assert told(found) == []
    assert found.moves == ()


def test_what_is_no_text_is_told_by_size_and_digest() -> None:
    found = between(b"\0\1", b"\0\2\3")
    assert found.files[0].binary
    assert found.files[0].parts == ()
    assert found.files[0].change.b == File("pipeline.py", Digest.of(b"\0\2\3"), 3)


def test_code_without_end_is_counted_and_not_shown() -> None:
    many = {f"module_{at}.py": "".join(f"x = {at}\n" for _ in range(500)) for at in range(40)}
    found = diff_code(side({}), side(dict(many)))
    shown = [part.lines for file in found.files for part in file.parts]
    assert sum(len(lines.diff) for lines in shown) <= 4_000
    assert sum(lines.added for lines in shown) == 20_000
    assert sum(len(lines.diff) + lines.left_out for lines in shown) >= 20_000
