"""Data profiles: ``profile.md``."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from tests.property.package.second.texts import Broken, require

_COUNTS = ("nulls", "not_finite", "count")
_NUMBERS = ("total", "distinct")
_VALUES = ("min", "max")
_SKETCHES = ("distinct_sketch", "quantile_sketch")


def check_profile(body: Any) -> None:
    require(isinstance(body, dict) and body.get("format") == "ketch-profile/1", 19, body)
    require(_is_count(body.get("row_count")), 19, body)
    for key in ("digest", "time_column", "time_from", "time_to"):
        require(key in body and isinstance(body[key], str | None), 19, key)
    require(isinstance(body.get("columns"), list), 19, body)
    for column in body["columns"]:
        _check_column(column)


def _check_column(body: Any) -> None:
    require(isinstance(body, dict), 19, body)
    for keys, kind in (
        (("name", "type"), str),
        (_NUMBERS, int | float | None),
        (_VALUES, int | float | str | None),
        (_SKETCHES, str | None),
        (("frequent",), list | None),
    ):
        for key in keys:
            require(key in body and isinstance(body[key], kind), 19, key)
            require(not isinstance(body[key], bool), 19, key)
    for key in _COUNTS:
        require(_is_count(body.get(key)), 19, key)
    for key in _SKETCHES:
        try:
            base64.b64decode(body[key] or "", validate=True)
        except (binascii.Error, ValueError) as problem:
            raise Broken(f"sentence 19: {key}") from problem
    for pair in body["frequent"] or ():
        require(isinstance(pair, list) and len(pair) == 2, 19, pair)
        require(isinstance(pair[0], int | float | str) and _is_count(pair[1]), 19, pair)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
