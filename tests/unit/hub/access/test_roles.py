from __future__ import annotations

import pytest

from ketch.errors import Refused, UsageError
from ketch.hub.access import Identity, Role, patterns

TOKENS_ROLES = [role for role in Role if role is not Role.ANYBODY]


def test_who_may_do_more_may_do_all_that_is_below() -> None:
    for role in Role:
        for needed in Role:
            assert Identity("ana", role).allows(needed) == (needed <= role)


@pytest.mark.parametrize("role", TOKENS_ROLES, ids=str)
def test_a_role_is_read_as_it_is_written(role: Role) -> None:
    assert Role.parse(str(role)) is role


@pytest.mark.parametrize("text", ["anybody", "Admin", "ADMIN", "", "root", "5"])
def test_what_is_no_role_of_a_token_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as problem:
        Role.parse(text)
    assert problem.value.code == "hub/role"


@pytest.mark.parametrize(
    ("packages", "covered", "others"),
    [
        (None, ["shop", "other"], []),
        ((), [], ["shop", ""]),
        (("shop",), ["shop"], ["shopping", "sho", "other", "shop*"]),
        (("shop*",), ["shop", "shopping"], ["sho", "my-shop"]),
        (("shop.*", "top"), ["shop.a", "top"], ["shop", "shopxa"]),
    ],
)
def test_a_token_covers_what_it_names(
    packages: tuple[str, ...] | None, covered: list[str], others: list[str]
) -> None:
    identity = Identity("ana", Role.ADMIN, packages)
    for name in covered:
        assert identity.allows(Role.VIEWER, name), name
        identity.require(Role.VIEWER, name)
    for name in others:
        assert not identity.allows(Role.VIEWER, name), name
        with pytest.raises(Refused) as refused:
            identity.require(Role.VIEWER, name)
        assert refused.value.code == "hub/denied"


def test_a_role_that_is_too_low_says_which_is_needed() -> None:
    with pytest.raises(Refused, match="`operator` or higher, found `viewer` of `ana`"):
        Identity("ana", Role.VIEWER).require(Role.OPERATOR)


@pytest.mark.parametrize("text", ["", "*shop", "sh*op", "shop**", "Shop", "shop/x", "a" * 80, "é"])
def test_what_names_no_packages_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as problem:
        patterns([text])
    assert problem.value.code == "hub/grant"


def test_all_packages_are_no_limit() -> None:
    assert patterns(["shop", "*"]) is None
    assert patterns(["shop", "top*", "shop"]) == ("shop", "top*")
    assert patterns([]) == ()
