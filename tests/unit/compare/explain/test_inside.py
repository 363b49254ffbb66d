"""Single changes inside components, and components with some of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from tests.packages import files, manifest, put

from ketch.compare.explain.inside.definitions import Definitions
from ketch.compare.explain.inside.installed import Installed, unmet
from ketch.compare.explain.inside.parameters import Parameters
from ketch.compare.explain.mixing import Files, Mixer, differing
from ketch.package import Package, Scenario, open_package
from ketch.package.code_tar import read_code_tar
from ketch.package.layers import CODE, PARAMS
from ketch.schema import canonical_json, parse_json
from ketch.store import MemoryStore

TABLES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
PARAMETERS = st.dictionaries(st.sampled_from("abcd"), TABLES, max_size=4)

BEFORE = '''"""Greets."""
import json

RATE = 2  # a word


def load(model_dir, params):
    return params["word"]


# says how often
def often(rows):
    return len(rows) * RATE
'''
AFTER = '''"""Greets, warmly."""
import json
import math

RATE = 3


def load(model_dir, params):
    """Read it."""
    return params["word"]


def warm(text):
    return text + "!" * math.floor(2.5)


def often(rows):
    return len(rows) * RATE + 1
'''


def package(**changes: Any) -> Package:
    store = MemoryStore()
    return open_package(put(store, files(**changes)), store)


def params_of(files: Files) -> object:
    content = files[PARAMS]
    assert isinstance(content, bytes)
    read = parse_json(content)
    assert isinstance(read, dict)
    return read["params"]


@given(PARAMETERS, PARAMETERS)
def test_all_changes_of_the_parameters_make_those_of_b_and_none_those_of_a(
    a: Mapping[str, object], b: Mapping[str, object]
) -> None:
    found = Parameters(a, b)
    assert params_of(found.files(frozenset())) == a
    assert params_of(found.files(frozenset(range(len(found.changes))))) == b
    assert bool(found.changes) == (canonical_json(a) != canonical_json(b))


def test_a_changed_parameter_is_named_down_to_the_value_inside_its_table() -> None:
    a = {"fees": {"base": 1, "more": [1]}, "old": None}
    found = Parameters(a, {"fees": {"base": 1.5, "more": [1]}, "new": True})
    told = [(one.name, one.before, one.after) for one in found.changes]
    assert told == [("fees.base", 1, 1.5), ("new", None, True), ("old", None, None)]
    assert params_of(found.files(frozenset({0}))) == {**a, "fees": {"base": 1.5, "more": [1]}}


def package_with(code: str, **more: str) -> Package:
    shipped = {"pipeline.py": code.encode(), **{path: text.encode() for path, text in more.items()}}
    return package(code=shipped)


def code_of(files: Files) -> dict[str, str]:
    content = files[CODE]
    assert isinstance(content, bytes)
    return {path: one.decode() for path, one in read_code_tar(content).items()}


def test_code_changes_are_its_definitions_and_words_alone_are_none() -> None:
    found = Definitions(package_with(BEFORE), package_with(AFTER))
    told = [(one.name, one.before, one.after) for one in found.changes]
    assert told == [
        ("pipeline:RATE", "2", "3"),
        ("pipeline:often", "often", "often"),
        ("pipeline:warm", None, "warm"),
    ]


def names_of(before: str, after: str) -> list[str]:
    found = Definitions(package_with(before), package_with(after))
    return [f"{one.kind} {one.name}" for one in found.changes]


def test_statements_without_a_name_are_called_as_they_begin() -> None:
    before = "import os\nif os.name == 'nt':\n    A = 1\nos.umask(18)\n"
    after = "import os\nif os.name == 'nt':\n    A = 2\nos.umask(19)\n"
    assert names_of(before, after) == [
        "definition pipeline:if os.name == 'nt'",
        "definition pipeline:os.umask()",
    ]


def test_the_order_of_definitions_is_a_change_that_is_made_alone_or_with_others() -> None:
    before = "A = 1\n\n\ndef one():\n    return 1\n\n\nB = 2\nC = 3\n"
    after = "B = 3\nNEW = 5\nA = 1\n\n\ndef one():\n    return 1\n"
    assert names_of(before, after) == [
        "definition pipeline:B",
        "definition pipeline:C",
        "definition pipeline:NEW",
        "order pipeline",
    ]
    found = Definitions(package_with(before), package_with(after))
    moved = code_of(found.files(frozenset({3})))["pipeline.py"]
    assert " ".join(moved.split()) == "B = 2 C = 3 A = 1 def one(): return 1"
    assert names_of(before, before) == []
    both = code_of(found.files(frozenset({0, 2, 3})))["pipeline.py"]
    assert " ".join(both.split()) == "B = 3 NEW = 5 C = 3 A = 1 def one(): return 1"
    assert code_of(found.files(frozenset(range(4))))["pipeline.py"] == after


def test_a_module_with_one_change_is_that_of_a_with_that_definition_and_new_imports() -> None:
    found = Definitions(package_with(BEFORE), package_with(AFTER))
    module = code_of(found.files(frozenset({1})))["pipeline.py"]
    defined: dict[str, object] = {}
    exec(compile(module, "pipeline.py", "exec"), defined)
    assert (defined["RATE"], "math" in defined, "warm" in defined) == (2, True, False)
    assert defined["often"]([1, 2]) == 5  # type: ignore[operator]


def test_all_changes_of_the_code_are_the_very_code_of_b() -> None:
    a, b = package_with(BEFORE, **{"gone.py": "X = 1\n"}), package_with(AFTER, **{"new.txt": "x"})
    found = Definitions(a, b)
    everything = frozenset(range(len(found.changes)))
    assert code_of(found.files(everything)) == {"pipeline.py": AFTER, "new.txt": "x"}
    assert code_of(found.files(frozenset())) == {"pipeline.py": BEFORE, "gone.py": "X = 1\n"}
    assert [one.name for one in found.changes if one.kind == "file"] == ["gone.py", "new.txt"]


def test_a_mixture_of_nothing_answers_with_the_files_of_a_and_does_not_know_its_scenarios() -> None:
    a = package()
    other = package(scenarios=[Scenario("another", ({"name": "Bo", "age": 4},), draft=True)])
    mixed = [Mixer(one, a).package(Mixer(one, a).pieces(frozenset())) for one in (a, other)]
    assert mixed[0].digest == mixed[1].digest
    assert mixed[0].code() == a.code()
    assert differing(a, other) == ()
    assert mixed[0].manifest.schema == a.manifest.schema
    mixed[0].verify_bytes()


def test_the_components_that_differ_are_those_that_can_answer_otherwise() -> None:
    b = package(manifest=manifest(params={"word": "Hi"}, owner="x@y.z"))
    assert differing(package(), b) == ("params",)


def test_what_a_distribution_needs_and_is_not_there_is_told() -> None:
    frame = Installed("frame", "3.0", (Requirement("array>=2"),), SpecifierSet(">=3.11"))
    old, new = Installed("array", "1.9"), Installed("array", "2.0rc1")
    assert list(unmet({"frame": frame, "array": old}, "3.11.7")) == [("frame", "array")]
    assert list(unmet({"frame": frame, "array": new}, "3.10.1")) == [
        ("frame", "python"),
        ("frame", "array"),
    ]
    assert list(unmet({"frame": frame, "array": Installed("array", "2.0")}, "3.11.7")) == []
