"""Behaviour that released libraries changed: explain names the library, among others that moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from ketch.authoring import Options as Building
from ketch.authoring.build import build
from ketch.compare.explain import explain
from ketch.package import Package
from ketch.progress import Silent
from ketch.runtime import Home

pytestmark = [pytest.mark.e2e, pytest.mark.thorough]

OTHERS = (("six==1.16.0", "certifi==2023.7.22"), ("six==1.17.0", "certifi==2024.8.30"))
"""Libraries that every case changes as well, without effect."""


@dataclass(frozen=True)
class Changed:
    """A library that answers otherwise in a later version.

    Attributes:
        versions: The library, and two of its versions.
        said: What it is asked, as an expression of `n`.
        beside: Another library that is changed as well, before and after.
    """

    versions: str
    said: str
    beside: tuple[str, str] = ("", "")


NUMPY = ("numpy==1.26.4", "numpy==2.2.6")
FIXED = ("numpy==1.26.3", "numpy==1.26.4")

CASES = [
    Changed("numpy 1.26.4 2.2.6", "repr(numpy.float64(n))"),
    Changed("numpy 1.26.4 2.2.6", "(numpy.float32(n) + 0.1).dtype"),
    Changed("numpy 1.26.4 2.2.6", "numpy.float32(3) + 1e-9 == 3"),
    Changed("numpy 1.26.4 2.2.6", "numpy.uint8(200) + 100"),
    Changed("numpy 1.26.4 2.2.6", "numpy.unique([[n, 1]], return_inverse=True)[1].shape"),
    Changed("numpy 1.23.5 1.26.4", "numpy.array([[n], [n, 2]]).shape"),
    Changed("pandas 2.2.3 3.0.1", "pandas.Series(['a', 'b']).dtype"),
    Changed("pandas 2.2.3 3.0.1", "pandas.to_datetime(['2024-01-01']).dtype", NUMPY),
    Changed("pandas 2.2.3 3.0.1", "len(pandas.DataFrame({'v': [1]}).groupby(KIND(pandas)).sum())"),
    Changed("pandas 2.2.3 3.0.1", "pandas.Series(['a', None]).tolist()"),
    Changed("pandas 1.5.3 2.2.3", "pandas.Series([1, 2, 2]).value_counts().name", FIXED),
    Changed("pandas 1.5.3 2.2.3", "pandas.Index([1, 2], dtype='int8').dtype", FIXED),
    Changed("pandas 1.5.3 2.2.3", "FAILS(lambda: pandas.DataFrame(MIXED).mean())", FIXED),
    Changed("pandas 1.5.3 2.2.3", "hasattr(pandas.DataFrame(), 'append')", NUMPY),
    Changed("pytz 2022.1 2024.1", "OFFSET(pytz, 'America/Mexico_City', 2023, 7)"),
    Changed("pytz 2022.1 2024.1", "OFFSET(pytz, 'Asia/Amman', 2023, 1)"),
    Changed("packaging 21.3 24.1", "FAILS(lambda: packaging.version.parse('a.b'))"),
    Changed("pydantic 1.10.13 2.7.4", "FAILS(lambda: MODEL(pydantic)(name=n))"),
    Changed("scipy 1.10.1 1.13.1", "numpy.shape(scipy.stats.mode([[1, n], [2, n]]).mode)", FIXED),
    Changed("scikit-learn 1.3.2 1.5.2", "CLUSTERS(sklearn.cluster.KMeans, n)", FIXED),
    Changed("scikit-learn 1.2.2 1.5.2", "sorted(ENCODER(sklearn).get_params())", FIXED),
    Changed("networkx 2.8.8 3.3", "hasattr(networkx, 'info')"),
    Changed("tabulate 0.8.10 0.9.0", "sorted(tabulate.tabulate_formats)"),
]


IMPORTS = {
    "scikit-learn": "sklearn.cluster, sklearn.preprocessing, numpy",
    "scipy": "scipy.stats, numpy",
    "packaging": "packaging.version",
}
PIPELINE = """
import warnings
from datetime import datetime

warnings.simplefilter("ignore")
import {imports}

MIXED = {{"a": [1], "b": ["x"]}}


def FAILS(do):
    try:
        return str(do())
    except Exception as problem:
        return type(problem).__name__


def OFFSET(pytz, zone, year, month):
    return pytz.timezone(zone).utcoffset(datetime(year, month, 9))


def KIND(pandas):
    return pandas.Categorical(["a"], categories=["a", "b"])


def ENCODER(sklearn):
    return sklearn.preprocessing.OneHotEncoder()


def MODEL(pydantic):
    return pydantic.create_model("Model", name=(str, ...))


def CLUSTERS(kind, n):
    points = numpy.random.RandomState(0).rand(60, 2)
    return round(kind(7, random_state=n).fit(points).inertia_, 9)


def run(_, rows):
    return [{{"said": str(answer(row["n"]))}} for row in rows]


def answer(n):
    return {said}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("libraries") / "home")


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one.versions}: {one.said}")
def test_the_library_is_named(
    case: Changed, home: Home, author: Callable[..., Path], tmp_path: Path
) -> None:
    name, *versions = case.versions.split()

    def made(at: int) -> Package:
        lines = [f"{name}=={versions[at]}", *OTHERS[at], case.beside[at]]
        folder = author(
            tmp_path / str(at),
            PIPELINE.format(imports=IMPORTS.get(name, name), said=case.said),
            inputs='n = "int64"',
            outputs='said = "string"',
            scenarios=[{"inputs": {"n": n}, "expected": {"said": ""}} for n in range(3)],
            files={"requirements.txt": "\n".join(lines)},
        )
        return build(folder, home, Building(), Silent()).package

    found = explain(made(0), made(1), home)
    assert found.shares["environment"] == 1.0
    (cause,) = found.causes
    assert [(one.name, one.before, one.after) for one in cause.changes] == [(name, *versions)]
    assert cause.is_smallest
    assert cause.of > 2
    assert cause.entry is not None
    assert cause.entry.divergence.step == "pipeline:run"
