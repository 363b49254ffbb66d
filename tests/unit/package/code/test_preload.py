"""What a worker may import before package code runs."""

import pickle
from collections import OrderedDict
from fractions import Fraction
from pathlib import Path

import pytest

from ketch.package.code.preload import MOST_NAMES, imports_for_preload


def test_names_come_from_the_code_parents_first(tmp_path: Path) -> None:
    code = tmp_path / "pipeline.py"
    code.write_text(
        "from sklearn.ensemble import RandomForestClassifier\n"
        "import numpy as np, local_module\n"
        "from . import sibling\n"
        "if TYPE_CHECKING:\n    import pandas\n"
        "def f():\n    import scipy.sparse.linalg\n"
    )
    (tmp_path / "notes.txt").write_text("import numpy.linalg\n")
    available = {"sklearn", "numpy", "scipy", "pandas"}
    found = imports_for_preload([code, tmp_path / "notes.txt"], [], available)
    assert found == ("numpy", "sklearn.ensemble", "scipy.sparse.linalg")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_come_from_pickles_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(pickle.dumps([OrderedDict(a=Fraction(1, 3))], protocol=protocol))
    found = imports_for_preload([], [model], {"collections", "fractions"})
    assert found == ("collections", "fractions")


def test_only_what_the_environment_brings_is_named(tmp_path: Path) -> None:
    model = tmp_path / "model.pkl"
    model.write_bytes(b"cos\nsystem\n\x8c\x05numpy\x8c\x0cnumpy.random\x8c\xffnum\x8c\x04nu-y")
    assert imports_for_preload([], [model], {"numpy"}) == ("numpy", "numpy.random")


def test_broken_code_and_foreign_bytes_name_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import numpy (\n")
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 64)
    assert imports_for_preload([tmp_path / "a.py"], [tmp_path / "a.bin"], {"numpy"}) == ()


def test_there_are_never_too_many(tmp_path: Path) -> None:
    code = tmp_path / "a.py"
    code.write_text("".join(f"import library.part{n}\n" for n in range(500)) + "import library\n")
    found = imports_for_preload([code], [], {"library"})
    assert len(found) == MOST_NAMES
    assert found[0] == "library"
