"""How answers of two packages are compared."""

from __future__ import annotations

from tests.contracts import contract

from ketch.compare.explain.behaviour import Yardstick


def test_what_one_package_declares_to_be_personal_is_so_of_both() -> None:
    plain = contract({"size": "float64"}, {"name": "string", "price": "float64"}).package
    named = contract(
        {"size": "float64"}, {"name": {"type": "string", "pii": True}, "price": "float64"}
    ).package
    for pair in ((plain, named), (named, plain)):
        assert [one.pii for one in Yardstick.of(*pair).fields] == [True, False]
