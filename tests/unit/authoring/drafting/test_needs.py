"""Which libraries a model needs, and who says which version."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch.authoring.drafting.needs import (
    Known,
    Needed,
    installed_versions,
    needs_of,
    relaxed,
    training_python,
    unbound,
)

MODULES = ("sklearn.tree._classes", "numpy._core.multiarray", "builtins")


def lines(found: Needed) -> list[str]:
    return [need.line for need in found.needs]


def test_the_version_in_the_file_counts_most() -> None:
    known = Known({"scikit-learn": "<1"}, {"scikit-learn": "1.9.1"}, {"scikit-learn": "1.2"})
    assert lines(needs_of((), MODULES, known, "m.pkl")) == ["numpy>=2", "scikit-learn==1.9.1"]


def test_then_what_the_project_says_and_then_what_is_installed() -> None:
    known = Known({"scikit-learn": ">=1.5"}, {}, {"scikit-learn": "1.2", "numpy": "2.1.0"})
    assert lines(needs_of((), MODULES, known, "m.pkl")) == ["numpy==2.1.0", "scikit-learn>=1.5"]


@pytest.mark.parametrize(
    ("module", "line"), [("numpy._core", "numpy>=2"), ("numpy.core", "numpy<2")]
)
def test_a_pickle_says_which_generation_of_numpy_wrote_it(module: str, line: str) -> None:
    assert lines(needs_of((), (f"{module}.multiarray",), Known(), "m.pkl")) == [line]


def test_a_local_part_of_an_installed_version_is_left_out() -> None:
    known = Known(installed={"torch": "2.13.0+cpu"})
    assert lines(needs_of(("torch",), (), known, "m.pt")) == ["torch==2.13.0"]


def test_a_library_nobody_vouches_for_is_never_fetched() -> None:
    """Else whoever writes a model file decides what is downloaded, and from whom."""
    found = needs_of((), ("shop_features.steps",), Known(), "m.pkl")
    assert found.needs == ()
    assert [finding.code for finding in found.findings] == ["init/unknown-module"]
    assert "shop_features" in found.findings[0].message


def test_a_library_that_the_project_names_is_fetched() -> None:
    found = needs_of((), ("shop_features",), Known({"shop-features": "==1.0"}), "m.pkl")
    assert (lines(found), found.findings) == (["shop-features==1.0"], ())


def test_xgboost_comes_without_gpu_libraries_where_there_are_any() -> None:
    found = needs_of(("xgboost",), (), Known(recorded={"xgboost": "3.4.1"}), "m.ubj")
    assert lines(found) == [
        "xgboost-cpu==3.4.1 ; sys_platform == 'linux'",
        "xgboost==3.4.1 ; sys_platform != 'linux'",
    ]


def test_an_older_xgboost_comes_as_it_was_published() -> None:
    found = needs_of(("xgboost",), (), Known(recorded={"xgboost": "2.0.3"}), "m.ubj")
    assert lines(found) == ["xgboost==2.0.3"]


def test_a_hostile_version_is_not_believed() -> None:
    known = Known(recorded={"xgboost": "1.0 --index-url=evil"})
    assert all("evil" not in line for line in lines(needs_of(("xgboost",), (), known, "m.json")))


def test_the_active_environment_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = tmp_path / "lib" / "python3.11" / "site-packages" / "Some_Thing-1.2.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: Some_Thing\nVersion: 1.2\n")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert installed_versions() == {"some-thing": "1.2"}
    monkeypatch.delenv("VIRTUAL_ENV")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    assert installed_versions() == {}


def test_what_the_model_file_says_is_given_up_last() -> None:
    known = Known({"pandas": "==2.1.4"}, {"scikit-learn": "1.3.2"}, {"numpy": "1.24.4"})
    needs = needs_of(("pandas",), ("sklearn.tree", "numpy.core.multiarray"), known, "m.pkl").needs
    assert [one.line for one in needs] == ["numpy==1.24.4", "pandas==2.1.4", "scikit-learn==1.3.2"]
    blamed = relaxed(needs, "pandas==2.1.4 depends on numpy-financial and scikit-learn==1.3.2")
    assert [one.line for one in blamed] == ["numpy==1.24.4", "pandas", "scikit-learn==1.3.2"]
    assert [one.line for one in relaxed(needs)] == ["numpy<2", "pandas", "scikit-learn==1.3.2"]
    assert [one.line for one in unbound(needs)] == ["numpy", "pandas", "scikit-learn"]


@pytest.mark.parametrize(
    ("folders", "python"),
    [(["python3.10"], "3.10"), (["python3.9", "python3.12"], "3.12"), ([], None)],
)
def test_the_active_environment_says_its_python(
    folders: list[str], python: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in folders:
        (tmp_path / "lib" / name / "site-packages").mkdir(parents=True)
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path))
    assert training_python() == python
