"""What a type checker says of the public names: ``mypy`` reads this file, nothing runs it.

Where a comment ignores an error, mypy complains as soon as there is none.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import ketch
from ketch.authoring import Initialised, Packed, Recorded
from ketch.runtime.predictor import Frame
from ketch.verify import Report

Row = dict[str, object]


def an_authored_package(folder: Path) -> None:
    assert_type(ketch.init(folder), Initialised)
    assert_type(ketch.init("shop", source="model.pkl", example="rows.csv"), Initialised)
    assert_type(ketch.record(folder, confirm=True), Recorded)
    assert_type(ketch.pack(folder), Packed)
    assert_type(ketch.pack("shop", archive="shop.tar").verified, bool)
    assert_type(ketch.prove("shop:1.0.0"), Report)
    assert_type(ketch.prove(folder), Report)


def a_loaded_package(frame: Frame) -> None:
    """One row gives one row, many give as many, whatever they come in."""
    with ketch.load("shop:1.0.0", home="home") as shop:
        assert_type(shop, ketch.Predictor)
        assert_type(shop({"size": 1}), Row)
        assert_type(shop(size=1), Row)
        assert_type(shop([{"size": 1}, {"size": 2}]), list[Row])
        assert_type(shop({"size": size} for size in range(2)), list[Row])
        assert_type(shop(frame), list[Row])
        assert_type(shop.predict([{"size": 1}], deadline_s=1.0), list[Row])
        shop(1)  # type: ignore[call-overload]
        shop([{"size": 1}], size=1)  # type: ignore[call-overload]


def a_gateway_that_is_asked(frame: Frame) -> None:
    """One row gives one prediction, rows give a list of them."""
    with ketch.Client("http://127.0.0.1:8424", token="secret", timeout_s=1.0) as client:
        assert_type(client.predict("shop", {"size": 1}), ketch.Prediction)
        assert_type(client.predict("shop", [{"size": 1}], unit="ann"), list[ketch.Prediction])
        assert_type(client.predict("shop", frame), list[ketch.Prediction])
        assert_type(client.predict("shop", {"size": 1}, arm="prod").decision, str)
        client.predict("shop", 1)  # type: ignore[call-overload]


def what_goes_wrong(problem: ketch.KetchError) -> None:
    assert_type(problem.code, str)
    assert_type(problem.where, str | None)
    assert_type(problem.hint, str | None)
    assert_type(problem.findings, tuple[ketch.Finding, ...])
    assert_type(problem.exit_status, int)
    if isinstance(problem, ketch.PackageCodeError):
        assert_type(problem.is_refusal, bool)
