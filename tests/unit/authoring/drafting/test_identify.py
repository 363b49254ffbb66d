"""Which kind of model a file is, told by its bytes; hostile files are refused in words."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import struct
import zipfile
import zlib
from pathlib import Path

import pytest

from ketch.authoring.drafting.identify import identify
from ketch.authoring.drafting.model_file import Form
from ketch.errors import NotFound, UsageError


def text(value: str) -> bytes:
    content = value.encode()
    return b"\x8c" + bytes([len(content)]) + content + b"\x94"


SKLEARN = (
    b"\x80\x04\x95\x40\0\0\0\0\0\0\0"
    + text("sklearn.linear_model._base")
    + text("LinearRegression")
    + b"\x93\x94)\x81\x94}\x94("
    + text("feature_names_in_")
    + text("numpy._core.multiarray")
    + text("_reconstruct")
    + b"\x93\x94"
    + text("_sklearn_version")
    + text("1.9.1")
    + b"ub."
)
OLD = (
    b"\x80\x02csklearn.tree._classes\nDecisionTreeRegressor\nq\x00)\x81q\x01}q\x02(X\x10\0\0\0"
    b"_sklearn_versionq\x03X\x06\0\0\0"
    b"0.24.2q\x04ub."
)
XGBOOST = {
    "learner": {"gradient_booster": {}, "learner_model_param": {"num_feature": "3"}},
    "version": [3, 4, 1],
}
LIGHTGBM = b"tree\nversion=v4\nnum_class=1\nmax_feature_idx=2\nfeature_names=a b c\n\nTree=0\n"


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


ONNX = b"\x08\x08" + field(2, b"skl2onnx") + field(3, b"1.20.0") + field(7, b"\x0a\x02ok")


def written(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_pickle_says_its_modules_and_versions(tmp_path: Path) -> None:
    seen = identify(written(tmp_path, "m.pkl", SKLEARN)).seen
    assert seen.form is Form.PICKLE
    assert seen.modules == ("numpy._core.multiarray", "sklearn.linear_model._base")
    assert seen.versions == {"scikit-learn": "1.9.1"}
    assert seen.names_columns


def test_an_old_protocol_is_read_too(tmp_path: Path) -> None:
    seen = identify(written(tmp_path, "m.pkl", OLD)).seen
    assert seen.modules == ("sklearn.tree._classes",)
    assert seen.versions == {"scikit-learn": "0.24.2"}
    assert not seen.names_columns


@pytest.mark.parametrize(
    "packed",
    [
        zlib.compress(SKLEARN),
        gzip.compress(SKLEARN),
        bz2.compress(SKLEARN),
        lzma.compress(SKLEARN),
        lzma.compress(SKLEARN, lzma.FORMAT_ALONE),
    ],
    ids=["zlib", "gzip", "bz2", "xz", "lzma"],
)
def test_what_joblib_compressed_is_looked_into(tmp_path: Path, packed: bytes) -> None:
    seen = identify(written(tmp_path, "m.joblib", packed)).seen
    assert seen.form is Form.JOBLIB
    assert seen.versions == {"scikit-learn": "1.9.1"}


def test_a_class_of_the_script_that_trained_is_told(tmp_path: Path) -> None:
    content = b"\x80\x04" + text("__main__") + text("Own") + b"\x93\x94)\x81\x94."
    (finding,) = identify(written(tmp_path, "m.pkl", content)).seen.findings
    assert finding.code == "init/pickled-from-main"


def test_skops_says_what_wrote_it(tmp_path: Path) -> None:
    version = {"__class__": "str", "__loader__": "JsonNode", "content": '"1.9.1"'}
    schema = {
        "__class__": "Ridge",
        "__module__": "sklearn.linear_model._ridge",
        "content": {"_sklearn_version": version, "feature_names_in_": {}},
        "_skops_version": "0.16.0",
    }
    path = zipped(tmp_path / "m.skops", {"schema.json": json.dumps(schema).encode()})
    seen = identify(path).seen
    assert seen.form is Form.SKOPS
    assert seen.versions == {"scikit-learn": "1.9.1", "skops": "0.16.0"}
    assert seen.modules == ("sklearn.linear_model._ridge",)
    assert seen.names_columns


def test_json_of_xgboost_says_its_version(tmp_path: Path) -> None:
    seen = identify(written(tmp_path, "m.json", json.dumps(XGBOOST).encode())).seen
    assert (seen.form, seen.versions) == (Form.XGBOOST, {"xgboost": "3.4.1"})


def test_binary_json_of_xgboost_says_its_version(tmp_path: Path) -> None:
    def key(name: str) -> bytes:
        return b"L" + struct.pack(">q", len(name)) + name.encode()

    content = (
        b"{" + key("learner") + b"{" + key("gradient_booster") + b"{}"
        + key("learner_model_param") + b"{}}" + key("version") + b"[#L" + struct.pack(">q", 3)
        + b"i\x03i\x04i\x01}"
    )  # fmt: skip
    seen = identify(written(tmp_path, "m.ubj", content)).seen
    assert (seen.form, seen.versions) == (Form.XGBOOST, {"xgboost": "3.4.1"})


def test_text_of_lightgbm_is_known_by_its_header(tmp_path: Path) -> None:
    assert identify(written(tmp_path, "m.txt", LIGHTGBM)).form is Form.LIGHTGBM


def test_onnx_says_who_wrote_it_and_where_its_weights_lie(tmp_path: Path) -> None:
    weights = field(1, b"location") + field(2, b"m.data") + field(1, b"offset")
    model = identify(written(tmp_path, "m.onnx", ONNX + field(14, weights)))
    assert model.form is Form.ONNX
    assert "skl2onnx 1.20.0" in model.seen.findings[0].message
    assert model.seen.companions == ("m.data",)
    assert not list(model.companions)
    written(tmp_path, "m.data", b"")
    assert list(model.companions) == [tmp_path / "m.data"]


@pytest.mark.parametrize(
    ("members", "form"),
    [
        ({"m/data.pkl": b"\x80\x02ccollections\nOrderedDict\nq\0)Rq\1."}, Form.TORCH_STATE),
        ({"m/constants.pkl": b"", "m/code/net.py": b"", "m/data.pkl": b""}, Form.TORCH_SCRIPT),
        ({"m/archive_format": b"pt2", "m/models/model.json": b"{}"}, Form.TORCH_EXPORT),
    ],
)
def test_what_pytorch_writes_is_told_apart(
    tmp_path: Path, members: dict[str, bytes], form: Form
) -> None:
    assert identify(zipped(tmp_path / "m.pt", members)).form is form


def test_an_exported_network_says_its_version(tmp_path: Path) -> None:
    program = b'{"schema_version": {}, "torch_version": "2.13.0+cpu"}'
    path = zipped(tmp_path / "m.pt2", {"m/archive_format": b"pt2", "m/models/model.json": program})
    assert identify(path).seen.versions == {"torch": "2.13.0"}


def test_a_whole_pickled_network_is_refused(tmp_path: Path) -> None:
    pickled = b"\x80\x02cshop.net\nNetwork\nq\0)\x81q\1."
    with pytest.raises(UsageError, match="whole pickled network") as caught:
        identify(zipped(tmp_path / "m.pt", {"m/data.pkl": pickled}))
    assert "state_dict" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pkl", b""),
        ("noise.pkl", b"\xde\xad\xbe\xef" * 20),
        ("nothing.pkl", b"\x80\x04]\x94."),
        ("numbers.json", b'{"a": 1}'),
        ("list.json", b"[1, 2]"),
        ("notes.txt", b"dear diary"),
        ("almost.txt", b"tree\nversion=v4\n"),
        ("cut.onnx", ONNX[:-2]),
        ("noise.onnx", b"\xff" * 200),
        ("short.onnx", b"\x08"),
        ("graphless.onnx", b"\x08\x08"),
        ("cut.zip.pt", b"PK\x03\x04" + b"\0" * 40),
        ("broken.joblib", zlib.compress(SKLEARN)[:20] + b"\0" * 20),
        ("lz4.joblib", b"\x04\x22\x4d\x18" + b"\0" * 20),
        ("old.bst", b"binf" + b"\0" * 40),
        ("keras.h5", b"\x89HDF\r\n\x1a\n"),
        ("book.ipynb", b'{\n "cells": []}'),
    ],
)
def test_what_is_no_model_is_refused_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        identify(written(tmp_path, name, content))
    assert caught.value.code == "init/unknown-model"
    assert caught.value.hint


@pytest.mark.parametrize("members", [{"a.txt": b""}, {"schema.json": b"[]"}, {}])
def test_another_zip_archive_is_refused(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(UsageError) as caught:
        identify(zipped(tmp_path / "m.skops", members))
    assert caught.value.code == "init/unknown-model"


def test_a_file_gets_a_name_that_a_package_can_have(tmp_path: Path) -> None:
    assert identify(written(tmp_path, "model (1)ü.pkl", SKLEARN)).name == "model_1.pkl"
    assert identify(written(tmp_path, "日本.pkl", SKLEARN)).name == "model.pkl"


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "m.skops"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * (65 << 20))
    with pytest.raises(UsageError, match="at most 64 MiB"):
        identify(path)


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        identify(tmp_path / "m.pkl")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("churn.ipynb", b'{"metadata": {}, "cells": []}'),
        ("churn.json", b'{"cells": []}'),
        ("churn.json", b'{\r\n  "cells" : []}'),
    ],
)
def test_a_notebook_where_a_model_is_wanted_is_told_how_to_start_from_it(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(UsageError, match="found a notebook") as caught:
        identify(written(tmp_path, name, content))
    assert "`ketch init --from NOTEBOOK.ipynb`" in (caught.value.hint or "")
