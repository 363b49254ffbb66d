"""Which kind of model a file is, told by its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ketch.authoring.drafting.archives import scan_archive
from ketch.authoring.drafting.boosters import scan_lightgbm, scan_xgboost
from ketch.authoring.drafting.model_file import ModelFile, Seen, unknown
from ketch.authoring.drafting.notebooks import START, is_notebook
from ketch.authoring.drafting.onnx import scan_onnx
from ketch.authoring.drafting.pickles import looks_pickled, pickled_versions, scan_pickle
from ketch.errors import NotFound, UsageError

HEAD_BYTES = 1 << 16

SUFFIXES = frozenset(
    [
        ".pkl",
        ".pickle",
        ".joblib",
        ".sav",
        ".skops",
        ".ubj",
        ".json",
        ".xgb",
        ".bst",
        ".txt",
        ".lgb",
        ".onnx",
        ".pt",
        ".pth",
        ".pt2",
    ]
)
"""What model files are called; the bytes decide what they are."""

_OTHERS = (
    (b"\x89HDF\r\n", "an HDF5 file", "export the Keras model as ONNX"),
    (b"CBM1", "a CatBoost model", "export it: `model.save_model('model.onnx', format='onnx')`"),
    (b"GGUF", "a language model in GGUF", None),
)
_LEGACY_TORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"


def identify(path: Path) -> ModelFile:
    """Return what a model file is; nothing is loaded, and reads are bounded.

    Raises:
        NotFound: There is no such file.
        UsageError: ``init/unknown-model``: it is no model, or broken; the message says why.
    """
    if not path.is_file():
        raise NotFound(f"no file `{path}`", code="init/no-source", where=str(path))
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        return ModelFile(path, _scan(path, head))
    except OSError as problem:
        reason = problem.strerror or "not readable"
        raise unknown(path, f"expected a file that can be read: {reason}") from problem


def versions_of(path: Path) -> Mapping[str, str]:
    """Return the versions that a model file records, by distribution.

    Of what is no model, is broken or cannot be read, that is none.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        if looks_pickled(path, head):
            return pickled_versions(path, head)
        return _scan(path, head).versions
    except (OSError, UsageError):
        return {}


def _scan(path: Path, head: bytes) -> Seen:
    if is_notebook(path, head):
        raise unknown(path, "expected a trained model, found a notebook", START)
    for magic, what, instead in _OTHERS:
        if head.startswith(magic):
            raise unknown(path, f"expected a trained model, found {what}", instead)
    if head.startswith(b"PK\x03\x04"):
        return scan_archive(path)
    if head.startswith((b"{", b"binf", b"bs64")):
        return scan_xgboost(path, head)
    if head.startswith((b"tree\n", b"tree\r\n")):
        return scan_lightgbm(path, head)
    if path.suffix.lower() == ".onnx":
        return scan_onnx(path)
    if _LEGACY_TORCH in head[:64]:
        hint = "load and save it again with a newer PyTorch: `torch.save(net.state_dict(), path)`"
        raise unknown(path, "found the PyTorch format of before 1.6", hint)
    if looks_pickled(path, head):
        return scan_pickle(path, head)
    raise unknown(path, "expected a trained model, found bytes that look like none")
