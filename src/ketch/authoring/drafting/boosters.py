"""Model files of XGBoost (JSON and UBJSON) and LightGBM (text)."""

from __future__ import annotations

import re
from pathlib import Path

from ketch.authoring.drafting.model_file import Form, Seen, unknown
from ketch.authoring.drafting.pickles import BYTES_SEARCHED, searchable, versions_in

_JSON_VERSION = re.compile(rb'"version"\s*:\s*\[\s*(\d{1,4})\s*,\s*(\d{1,4})\s*,\s*(\d{1,4})\s*\]')
_UBJ = re.compile(rb"\{[LlIiU]\0*[\x01-\x20][a-z]")


def scan_xgboost(path: Path, head: bytes) -> Seen:
    """Say which XGBoost wrote a model.

    Raises:
        UsageError: ``init/unknown-model``: it is other JSON, or something else.
    """
    if head.startswith((b"binf", b"bs64")):
        hint = (
            "load it with XGBoost 3.0 or older and save it again: `booster.save_model('model.ubj')`"
        )
        raise unknown(
            path, "found the old binary format of XGBoost, which newer ones cannot read", hint
        )
    is_ubj = _UBJ.match(head) is not None
    with searchable(path) as content:
        parts = (b"learner", b"gradient_booster", b"learner_model_param")
        if not all(content.find(part, 0, BYTES_SEARCHED) >= 0 for part in parts):
            raise unknown(path, "expected an XGBoost model, found other JSON")
        if is_ubj:
            versions = dict(versions_in(content))
        else:
            found = _JSON_VERSION.search(content, 0, BYTES_SEARCHED)
            versions = {"xgboost": b".".join(found.groups()).decode("ascii")} if found else {}
    versions = {name: version for name, version in versions.items() if name == "xgboost"}
    return Seen(Form.XGBOOST, versions, ("xgboost",))


def scan_lightgbm(path: Path, head: bytes) -> Seen:
    """Say whether a text is a LightGBM model; it records the format's version only.

    Raises:
        UsageError: ``init/unknown-model``: it is another text.
    """
    lines = head.replace(b"\r\n", b"\n").split(b"\n")
    keys = {line.partition(b"=")[0] for line in lines[:40]}
    if lines[0] != b"tree" or not {b"version", b"max_feature_idx", b"feature_names"} <= keys:
        raise unknown(path, "expected a LightGBM model, found another text")
    return Seen(Form.LIGHTGBM, modules=("lightgbm",))
