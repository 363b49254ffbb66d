"""Imports that nothing in the environment brings."""

import sys

import pytest

from ketch.package.code.imports import Import
from ketch.package.code.libraries import (
    distribution_for,
    imported_distributions,
    standard_library,
    undeclared,
    unnamed,
)

OWNERS = {
    "numpy": "numpy",
    "sklearn": "scikit-learn",
    "google.cloud.storage": "google-cloud-storage",
}


def _one(module: str, *names: str, line: int = 1, optional: bool = False) -> Import:
    return Import(module, names, "pipeline.py", line, optional)


@pytest.mark.parametrize(
    "one",
    [
        _one("os.path"),
        _one("__future__", "annotations"),
        _one("numpy.linalg"),
        _one("sklearn.ensemble", "RandomForestClassifier"),
        _one("google.cloud.storage"),
        _one("google.cloud", "storage"),
        _one("google.cloud.storage.blob", "Blob"),
        _one("google"),
    ],
)
def test_what_the_environment_brings_is_declared(one: Import) -> None:
    assert undeclared([one], OWNERS, python="3.11") == ()


def test_what_it_does_not_bring_is_refused_once_with_what_to_add() -> None:
    uses = [_one("skimage.io", line=3), _one("skimage", line=7), _one("google.cloud", "bigquery")]
    image, cloud = undeclared(uses, OWNERS, python="3.11")
    assert (image.code, image.where) == ("package/undeclared-import", "pipeline.py:3")
    assert image.message.endswith("and 1 more")
    assert image.hint == "add `scikit-image` to the requirements"
    assert cloud.where == "pipeline.py:1"


def test_an_optional_library_is_advice_unless_it_is_needed_elsewhere() -> None:
    (advice,) = undeclared([_one("orjson", optional=True)], OWNERS, python="3.11")
    assert not advice.blocks
    both = [_one("orjson", line=1, optional=True), _one("orjson", line=9)]
    (refusal,) = undeclared(both, OWNERS, python="3.11")
    assert (refusal.blocks, refusal.where) == (True, "pipeline.py:9")


@pytest.mark.parametrize(
    ("module", "without", "with_it"),
    [
        ("distutils.util", "3.12", "3.11"),
        ("imp", "3.14", "3.9"),
        ("cgi", "3.13", "3.12"),
        ("tomllib", "3.10", "3.11"),
        ("zoneinfo", "3.8", "3.9"),
        ("compression.zstd", "3.13", "3.14"),
    ],
)
def test_the_standard_library_is_that_of_the_package_s_python(
    module: str, without: str, with_it: str
) -> None:
    assert undeclared([_one(module)], {}, python=with_it) == ()
    (finding,) = undeclared([_one(module)], {}, python=without)
    assert finding.hint is not None
    assert "Python 3." in finding.hint


def test_the_table_agrees_with_the_python_that_runs() -> None:
    running = ".".join(str(part) for part in sys.version_info[:3])
    assert standard_library(running) >= sys.stdlib_module_names - {"_pyrepl"}


def test_distributions_are_guessed_from_imports() -> None:
    assert distribution_for("sklearn.svm") == "scikit-learn"
    assert distribution_for("google.cloud.storage") == "google-cloud-storage"
    assert distribution_for("my_library.x") == "my-library"


def test_without_any_library_an_import_of_one_is_certainly_wrong() -> None:
    (finding,) = unnamed([_one("numpy"), _one("os")], frozenset(), python="3.11")
    assert (finding.code, finding.blocks) == ("package/undeclared-import", True)


def test_where_only_names_are_known_an_import_like_none_is_advice() -> None:
    names = {"scikit-learn", "google-cloud-storage", "pyyaml", "my-tools", "pillow"}
    known = [_one("sklearn.svm"), _one("google.cloud.storage"), _one("yaml"), _one("my_tools")]
    assert unnamed([*known, _one("PIL.Image")], names, python="3.11") == ()
    (advice,) = unnamed([*known, _one("pandas")], names, python="3.11")
    assert (advice.message.split("`")[1], advice.blocks) == ("pandas", False)


def test_the_libraries_that_code_imports_itself_are_told_from_those_they_bring() -> None:
    code = {
        "pipeline.py": b"import sklearn.svm\nfrom . import steps\nimport os\n",
        "steps.py": b"def f():\n    import yaml\n",
        "broken.py": b"import (",
        "words.txt": b"import numpy",
    }
    names = ("numpy", "pyyaml", "scikit-learn", "scipy")
    assert imported_distributions(code, names, python="3.11") == ("scikit-learn", "pyyaml")
