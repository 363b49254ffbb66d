"""What a model file records of its libraries against what the lock has."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from ketch.authoring.drafting.recorded import other_versions
from ketch.env import Lock, LockedPackage, make_lock
from ketch.errors import Finding

OLD = (
    b"\x80\x02csklearn.tree._classes\nDecisionTreeRegressor\nq\x00)\x81q\x01}q\x02(X\x10\0\0\0"
    b"_sklearn_versionq\x03X\x06\0\0\0"
    b"0.24.2q\x04ub."
)
XGBOOST = b'{"learner":{"gradient_booster":{},"learner_model_param":{}},"version":[3,4,1]}'


def lock(**versions: str) -> Lock:
    return make_lock(
        "3.11.7",
        [
            LockedPackage(name.replace("_", "-"), version, "", ("0" * 64,))
            for name, version in versions.items()
        ],
    )


def found(folder: Path, content: bytes, held: Lock, name: str = "m.pkl") -> tuple[Finding, ...]:
    (folder / name).write_bytes(content)
    return other_versions({f"model/{name}": folder / name}, held)


@pytest.mark.parametrize("content", [OLD, bz2.compress(OLD)])
@pytest.mark.parametrize("version", ["1.9.1", "0.24.1"])
def test_a_pickle_of_another_scikit_learn_is_told(
    tmp_path: Path, content: bytes, version: str
) -> None:
    (finding,) = found(tmp_path, content, lock(scikit_learn=version))
    assert (finding.code, finding.where) == ("package/model-version", "model/m.pkl")
    assert "scikit-learn `0.24.2`" in finding.message
    assert f"the lock has `{version}`" in finding.message
    assert not finding.blocks


def test_the_same_version_is_nothing_to_tell(tmp_path: Path) -> None:
    assert found(tmp_path, OLD, lock(scikit_learn="0.24.2")) == ()


def test_a_lock_without_the_library_is_told_with_the_name_to_write(tmp_path: Path) -> None:
    (finding,) = found(tmp_path, OLD, lock(numpy="2.0"))
    assert finding.message.endswith("the lock has none")
    assert "`scikit-learn==0.24.2`" in (finding.hint or "")


@pytest.mark.parametrize(("version", "count"), [("3.4.1", 0), ("3.9.0", 0), ("3.0.5", 1)])
def test_a_booster_is_read_by_newer_libraries_only(
    tmp_path: Path, version: str, count: int
) -> None:
    """XGBoost promises to read what an older one saved, and nothing the other way round."""
    assert len(found(tmp_path, XGBOOST, lock(xgboost_cpu=version), "m.json")) == count


@pytest.mark.parametrize("name", ["m.pkl", "m.json", "m.txt", "m.pt", "m.onnx", "m.bin"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\x80\x04", b"PK\x03\x04", b"BZh9", b"tree\n"])
def test_files_that_are_no_models_are_passed_over(
    tmp_path: Path, name: str, content: bytes
) -> None:
    assert found(tmp_path, content, lock()) == ()
