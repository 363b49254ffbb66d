from __future__ import annotations

import pytest

from ketch.errors import UsageError
from ketch.registry.route import RESERVED, check_route_name


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_name_that_gateways_need_is_no_routes(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_route_name(name)
    assert refused.value.code == "route/reserved"


def test_a_route_is_called_as_a_package_is() -> None:
    check_route_name("outcomes-of-search")
    with pytest.raises(UsageError, match="lowercase"):
        check_route_name("Outcomes")
