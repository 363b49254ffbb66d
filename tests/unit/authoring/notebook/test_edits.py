"""Source that changes at single places, and nowhere else."""

from __future__ import annotations

import ast

import pytest

from ketch.authoring.notebook.edits import applied, handed_on, parameter, replaced


@pytest.mark.parametrize(
    ("source", "name", "changed"),
    [
        ("def f(x): return x", "f", "def f(clf, x): return x"),
        ("def f(): return 1", "f", "def f(clf): return 1"),
        ("@cache\nasync def f(\n    x,  # one\n): ...", "f",
         "@cache\nasync def f(\n    clf,\n    x,  # one\n): ..."),
        ("def f (*, x=1): ...", "f", "def f (clf, *, x=1): ..."),
        ("def ü(x): ...", "ü", "def ü(clf, x): ..."),
    ],
)  # fmt: skip
def test_a_function_gets_another_first_parameter(source: str, name: str, changed: str) -> None:
    assert applied(source, [parameter(source, ast.parse(source), name, "clf")]) == changed


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("y = 'é' + a(1)", "y = 'é' + a(m, 1)"),
        ("def f(x):\n    return a() + b.a(x)", "def f(x):\n    return a(m) + b.a(x)"),
        ("z = a(  # why\n    1,\n)", "z = a(m,   # why\n    1,\n)"),
        ("z = a(\n    1,\n)", "z = a(\n    m,\n    1,\n)"),
        ("def f(a):\n    return a(1)", "def f(a):\n    return a(1)"),
    ],
)
def test_calls_of_a_function_hand_an_argument_on(source: str, changed: str) -> None:
    assert applied(source, handed_on(source, ast.parse(source), ["a"], "m")) == changed


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("def f(x):\n    return w[x] + w2", 'def f(x):\n    return model["w"][x] + w2'),
        ("def f(w):\n    return w", "def f(w):\n    return w"),
        ("def f(x, y=w):\n    w2 = w\n    return w2", None),
        ("lambda x: w", 'lambda x: model["w"]'),
        ("x.w = w", 'x.w = model["w"]'),
        ("f(w=w)", 'f(w=model["w"])'),
    ],
)
def test_a_name_that_is_read_from_outside_is_replaced(source: str, changed: str | None) -> None:
    edits = list(replaced(source, ast.parse(source), {"w": 'model["w"]'}))
    expected = source.replace("=w)", '=model["w"])').replace("= w\n", '= model["w"]\n')
    assert applied(source, edits) == (changed or expected)


def test_a_name_whose_place_cannot_be_told_is_never_replaced_elsewhere() -> None:
    source = 'def f(x):\n    return f"""\n{x}\n  {w[x]} {w!r:>{x}}"""\n'
    try:
        edits = list(replaced(source, ast.parse(source), {"w": "m.w"}))
    except LookupError:
        return  # older Pythons do not know where it stands, and it is said
    assert applied(source, edits) == source.replace("{w", "{m.w")
