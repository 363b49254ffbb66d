"""What ships, what it imports, and what is wrong with it: read, never run."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ketch.errors import Finding
from ketch.package.code import CodeReport, EntryPoint, analyse

STEP = "def predict(model, value):\n    return value\n"

Write = Callable[[Mapping[str, str]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a package folder."""

    def _write(files: Mapping[str, str]) -> Path:
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return tmp_path

    return _write


def _codes(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.code for finding in findings]


def _read(folder: Path, *entries: str, include: tuple[str, ...] = ()) -> CodeReport:
    named = entries or ("pipeline:predict",)
    return analyse(folder, [EntryPoint(entry) for entry in named], include=include)


# --- files


def test_only_what_the_entry_points_reach_ships(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": f"import features\nfrom shop.days import since\n{STEP}",
            "features.py": "import os\n",
            "shop/__init__.py": "",
            "shop/days.py": "from . import calendars\nfrom .units import DAY\nsince = DAY\n",
            "shop/calendars.py": "",
            "shop/units.py": "DAY = 86400\n",
            "shop/unused.py": "import tensorflow\n",
            "train.py": "import features, wandb\n",
            "ketch_notes.py": "",
        }
    )
    report = _read(folder)
    assert report.files == (
        "features.py",
        "pipeline.py",
        "shop/__init__.py",
        "shop/calendars.py",
        "shop/days.py",
        "shop/units.py",
    )
    assert report.roots == ("",)
    assert report.findings == ()
    assert [one.module for one in report.imports] == ["os"]


def test_a_src_folder_is_on_the_import_path(write: Write) -> None:
    folder = write(
        {
            "src/shop/__init__.py": "from shop.steps import predict\n",
            "src/shop/steps.py": STEP,
            "src/shop/other.py": "",
        }
    )
    report = _read(folder, "shop:predict")
    assert report.files == ("src/shop/__init__.py", "src/shop/steps.py")
    assert report.roots == ("src",)
    assert report.findings == ()


def test_the_folder_comes_before_src_and_a_package_before_a_namespace(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": f"import a\nimport b\nimport c\n{STEP}",
            "a.py": "",
            "src/a.py": "",
            "b/notes.txt": "no __init__ here\n",
            "src/b.py": "",
            "c.py": "",
            "c/__init__.py": "",
        }
    )
    assert _read(folder).files == ("a.py", "c/__init__.py", "pipeline.py", "src/b.py")


def test_namespace_packages_are_followed_to_their_files(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": f"from steps import days\nimport steps.deep.units as units\n{STEP}",
            "steps/days.py": "from .deep import more\n",
            "steps/deep/units.py": "",
            "steps/deep/more.py": "",
        }
    )
    report = _read(folder)
    assert report.findings == ()
    assert report.files == (
        "pipeline.py",
        "steps/days.py",
        "steps/deep/more.py",
        "steps/deep/units.py",
    )


def test_a_data_folder_does_not_hide_a_library_of_its_name(write: Write) -> None:
    folder = write({"pipeline.py": f"from datasets import load\n{STEP}", "datasets/a.csv": "x\n"})
    assert [one.module for one in _read(folder).imports] == ["datasets"]


def test_a_star_import_ships_what_all_lists(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": f"from shop import *\n{STEP}",
            "shop/__init__.py": '__all__ = ["days", "VERSION"]\nVERSION = 1\n',
            "shop/days.py": "",
            "shop/units.py": "",
        }
    )
    assert _read(folder).files == ("pipeline.py", "shop/__init__.py", "shop/days.py")


def test_imports_in_a_circle_end(write: Write) -> None:
    folder = write({"pipeline.py": f"import a\n{STEP}", "a.py": "import b\n", "b.py": "import a\n"})
    assert _read(folder).files == ("a.py", "b.py", "pipeline.py")


def test_modules_named_in_strings_ship_and_others_are_advice(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": (
                "import importlib\n"
                'days = importlib.import_module("days")\n'
                'units = __import__("units")\n'
                "def predict(model, value):\n"
                '    return importlib.import_module(model["name"]).run(value)\n'
            ),
            "days.py": "",
            "units.py": "",
        }
    )
    report = _read(folder)
    assert report.files == ("days.py", "pipeline.py", "units.py")
    (finding,) = report.findings
    assert (finding.code, finding.where, finding.blocks) == (
        "package/dynamic-import",
        "pipeline.py:5",
        False,
    )


def test_include_adds_files_and_follows_the_code_among_them(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": STEP,
            "plugins/one.py": "import shared\n",
            "plugins/__pycache__/one.cpython-311.pyc": "",
            "plugins/.hidden": "",
            "shared.py": "",
            "lookup/a.csv": "",
            "lookup/deep/b.csv": "",
        }
    )
    report = _read(folder, include=("plugins", "lookup/**/*.csv"))
    assert report.files == (
        "lookup/a.csv",
        "lookup/deep/b.csv",
        "pipeline.py",
        "plugins/one.py",
        "shared.py",
    )
    assert report.findings == ()


@pytest.mark.parametrize("pattern", ["../x", "/etc/*", "a\\b", "C:/a", "", ".", "a/**b", "x/../y"])
def test_include_patterns_stay_inside(write: Write, pattern: str) -> None:
    assert _codes(_read(write({"pipeline.py": STEP}), include=(pattern,)).findings) == [
        "package/include-outside"
    ]


def test_include_lists_links_without_following_them(write: Write, tmp_path: Path) -> None:
    folder = write({"pipeline.py": STEP, "lookup/a.csv": ""})
    (folder / "lookup/loop").symlink_to(folder / "lookup", target_is_directory=True)
    assert _read(folder, include=("lookup",)).files == (
        "lookup/a.csv",
        "lookup/loop",
        "pipeline.py",
    )


def test_compiled_modules_ship_with_advice(write: Write) -> None:
    folder = write(
        {"pipeline.py": f"import fast\n{STEP}", "fast.cpython-311-x86_64-linux-gnu.so": ""}
    )
    report = _read(folder)
    assert report.files == ("fast.cpython-311-x86_64-linux-gnu.so", "pipeline.py")
    assert _codes(report.findings) == ["package/compiled-module"]


@pytest.mark.parametrize("path", ["queue.py", "queue/__init__.py", "src/queue.py"])
def test_a_module_named_like_one_of_python_is_refused(write: Write, path: str) -> None:
    folder = write({"pipeline.py": f"import queue\n{STEP}", path: ""})
    (finding,) = _read(folder).findings
    assert (finding.code, finding.where) == ("package/shadows-standard-library", path)
    assert finding.blocks


def test_a_module_named_like_one_of_python_may_lie_beside_the_package_or_below_it(
    write: Write,
) -> None:
    code = f"import prices.queue\n{STEP}"
    folder = write(
        {"pipeline.py": code, "queue.py": "", "prices/__init__.py": "", "prices/queue.py": ""}
    )
    assert _read(folder).findings == ()


def test_nothing_is_run(write: Write) -> None:
    folder = write({"pipeline.py": f"import os\nos.environ['KETCH_RAN'] = 'yes'\n{STEP}"})
    _read(folder)
    assert "KETCH_RAN" not in os.environ
    assert "pipeline" not in sys.modules


# --- libraries


def test_imports_are_found_wherever_they_stand(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": (
                "import numpy as np, pandas\n"
                "from sklearn.ensemble import RandomForestClassifier\n"
                "class Steps:\n"
                "    import scipy.sparse\n"
                "def predict(model, value):\n"
                "    from xgboost import Booster\n"
                "    return [__import__('lightgbm') for _ in value]\n"
            )
        }
    )
    found = [(one.module, one.names, one.where) for one in _read(folder).imports]
    assert found == [
        ("numpy", (), "pipeline.py:1"),
        ("pandas", (), "pipeline.py:1"),
        ("sklearn.ensemble", ("RandomForestClassifier",), "pipeline.py:2"),
        ("scipy.sparse", (), "pipeline.py:4"),
        ("xgboost", ("Booster",), "pipeline.py:6"),
        ("lightgbm", (), "pipeline.py:7"),
    ]


OPTIONAL = {
    "try": "try:\n    import fast\nexcept ImportError:\n    import slow\n",
    "try with several": "try:\n    import fast\nexcept (ValueError, ModuleNotFoundError):\n    import slow\n",
    "try with everything": "try:\n    import fast\nexcept:\n    import slow\n",
    "suppress": "import contextlib\nwith contextlib.suppress(ImportError):\n    import fast, slow\n",
    "version": "import sys\nif sys.version_info >= (3, 11):\n    import fast\nelse:\n    import slow\n",
    "platform": "import sys\nif sys.platform == 'win32':\n    import fast, slow\n",
}


@pytest.mark.parametrize("code", OPTIONAL.values(), ids=OPTIONAL)
def test_an_import_that_may_fail_is_optional(write: Write, code: str) -> None:
    imports = _read(write({"pipeline.py": code + STEP})).imports
    assert [one.optional for one in imports if one.module in ("fast", "slow")] == [True, True]


@pytest.mark.parametrize(
    "code",
    [
        "try:\n    import fast\nexcept ValueError:\n    pass\n",
        "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    import fast\n",
        "if True:\n    import fast\n",
        "if not TYPE_CHECKING:\n    import fast\n",
    ],
)
def test_other_imports_are_needed(write: Write, code: str) -> None:
    (one,) = _read(write({"pipeline.py": code + STEP})).imports
    assert (one.module, one.optional) == ("fast", False)


@pytest.mark.parametrize(
    "code",
    [
        "if TYPE_CHECKING:\n    import slow\n",
        "if typing.TYPE_CHECKING:\n    import slow\n",
        'if __name__ == "__main__":\n    import slow\n    open("/home/ada/x")\n',
        '"""Read /home/ada/x first; import slow."""\n',
    ],
)
def test_code_that_never_runs_in_a_package_does_not_count(write: Write, code: str) -> None:
    report = _read(write({"pipeline.py": code + STEP}))
    assert (report.imports, report.findings) == ((), ())


def test_a_missing_local_module_may_be_optional(write: Write) -> None:
    code = "try:\n    from shop import fast\n    import shop.fast\nexcept ImportError:\n    fast = None\n"
    folder = write({"pipeline.py": code + STEP, "shop/__init__.py": ""})
    report = _read(folder)
    assert (report.imports, report.findings) == ((), ())


# --- entry points


def _entry(code: str, write: Write, **files: str) -> tuple[Finding, ...]:
    return _read(write({"pipeline.py": code, **files})).findings


CALLABLES = [
    "def predict(model, value): ...\n",
    "def predict(model, value, /, extra=None): ...\n",
    "def predict(*args): ...\n",
    "def predict(model, *rest, scale=1, **options): ...\n",
    "class predict:\n    def __init__(self, a): ...\n",
    "predict = lambda model, value: value\n",
    "predict: object = print\n",
    "first, predict = 1, print\n",
    "from library import predict\n",
    "from library import run as predict\n",
    "import library as predict\n",
    "from library import *\n",
    "import functools\n@functools.cache\ndef predict(value): ...\n",
    "if True:\n    def predict(model, value): ...\n",
    "try:\n    from fast import predict\nexcept ImportError:\n    def predict(model, value): ...\n",
    "def predict(value): ...\ndef predict(model, value): ...\n",
]


@pytest.mark.parametrize("code", CALLABLES)
def test_a_step_is_any_name_that_can_be_called_with_two(write: Write, code: str) -> None:
    assert _entry(code, write) == ()


@pytest.mark.parametrize(
    "code",
    [
        "def predict(): ...\n",
        "def predict(value): ...\n",
        "def predict(model, value, params): ...\n",
        "def predict(model, value, *, scale): ...\n",
        "def predict(**options): ...\n",
    ],
)
def test_a_function_that_cannot_is_refused_where_it_stands(write: Write, code: str) -> None:
    (finding,) = _entry(code, write)
    assert (finding.code, finding.where) == ("package/entry-parameters", "pipeline.py:1")
    assert "expected `predict(model, value)`" in finding.message


def test_a_function_is_followed_through_imports(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": "from shop import predict\n",
            "shop/__init__.py": "from .steps import *\n",
            "shop/steps.py": "from .deep.real import run as predict\n",
            "shop/deep/__init__.py": "",
            "shop/deep/real.py": "\n\ndef run(value): ...\n",
        }
    )
    (finding,) = _read(folder).findings
    assert (finding.code, finding.where) == ("package/entry-parameters", "shop/deep/real.py:3")


def test_a_function_imported_in_a_circle_is_not_found(write: Write) -> None:
    folder = write(
        {"pipeline.py": "from b import predict\n", "b.py": "from pipeline import predict\n"}
    )
    assert _codes(_read(folder).findings) == ["package/entry-function"]


def test_modules_that_all_import_from_each_other_are_looked_through_once(write: Write) -> None:
    names = ["pipeline", *(f"m{number}" for number in range(12))]
    code = "".join(f"from {name} import predict\n" for name in names)
    report = _read(write({f"{name}.py": code for name in names}))
    assert _codes(report.findings) == ["package/entry-function"]


@pytest.mark.parametrize(
    "text", ["pipeline", "pipeline:", ":predict", "a b:c", "pipeline:a.b", "a/b:c"]
)
def test_an_entry_point_is_module_colon_function(write: Write, text: str) -> None:
    report = analyse(write({"pipeline.py": STEP}), [EntryPoint(text, "load", "ketch.toml: x")])
    assert [(one.code, one.where) for one in report.findings] == [
        ("package/entry-syntax", "ketch.toml: x")
    ]


def test_each_role_has_its_own_arguments(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": (
                "def load(model_dir, params): ...\n"
                "def predict(model, value): ...\n"
                "def close(expected, found): ...\n"
                "def run(predict): ...\n"
            )
        }
    )
    entries = [
        EntryPoint("pipeline:load", "load"),
        EntryPoint("pipeline:predict", "step"),
        EntryPoint("pipeline:close", "compare"),
        EntryPoint("pipeline:run", "evaluate"),
    ]
    (finding,) = analyse(folder, entries).findings
    assert finding.message == "expected `run(predict, data)`, found `run(predict)`"


def test_wrong_names_come_with_the_nearest_right_one(write: Write) -> None:
    folder = write({"pipeline.py": STEP})
    (function,) = _read(folder, "pipeline:predcit").findings
    (module,) = _read(folder, "pipline:predict").findings
    assert function.hint == "did you mean `predict`?"
    assert module.hint == "did you mean `pipeline`?"


# --- findings


def test_everything_is_said_at_once(write: Write) -> None:
    folder = write(
        {
            "pipeline.py": 'from . import x\nimport ketch\nimport helper\nP = "/home/ada/x"\n',
            "helper.py": "def broken(:\n",
        }
    )
    assert sorted(_codes(_read(folder).findings)) == [
        "package/absolute-path",
        "package/entry-function",
        "package/imports-ketch",
        "package/relative-import",
        "package/syntax-error",
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:\n",
        b"x = 1\0\n",
        b"# coding: nonsense\n",
        b"\xff\xfe\xfa",
        b"x = " + b"(" * 5000 + b")" * 5000,
    ],
)
def test_what_is_not_python_is_a_finding(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pipeline.py").write_bytes(content)
    assert _codes(_read(tmp_path).findings) == ["package/syntax-error"]


def test_other_encodings_are_read_as_python_reads_them(tmp_path: Path) -> None:
    content = f"# -*- coding: latin-1 -*-\nS = 'größe'\n{STEP}".encode("latin-1")
    (tmp_path / "pipeline.py").write_bytes(content)
    assert _read(tmp_path).findings == ()


def test_generated_code_may_nest_deeply(write: Write) -> None:
    score = " + ".join(["(x if value else 1)"] * 2_000)
    chain = "".join(f"    elif value == {n}:\n        x = {n}\n" for n in range(400))
    code = (
        f"def predict(model, value):\n    if not value:\n        x = 0\n{chain}    return {score}\n"
    )
    assert _read(write({"pipeline.py": code})).findings == ()


def test_warnings_of_the_code_are_not_ours(write: Write) -> None:
    assert _read(write({"pipeline.py": f'PATTERN = "\\d"\n{STEP}'})).findings == ()


def test_grammar_is_that_of_the_package_s_python(write: Write) -> None:
    folder = write(
        {"pipeline.py": "def predict(model, value):\n    match value:\n        case _: ...\n"}
    )
    entries = [EntryPoint("pipeline:predict")]
    assert analyse(folder, entries, python="3.10").findings == ()
    (finding,) = analyse(folder, entries, python="3.9").findings
    assert finding.code == "package/syntax-error"


def test_a_folder_without_code_is_a_finding_for_each_entry(tmp_path: Path) -> None:
    report = _read(tmp_path, "pipeline:load", "pipeline:predict")
    assert _codes(report.findings) == ["package/entry-module"]
    assert (report.files, report.roots) == ((), ())
