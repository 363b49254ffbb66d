"""What is published has its name in the store: what has none is collected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from tests.registries import Here, Office

from ketch.errors import Refused
from ketch.registry import open_database

SHOP = "shop:1.0.0"


@pytest.fixture
def here() -> Iterator[Here]:
    with closing(Here(open_database("sqlite://"))) as found:
        yield found


def test_a_package_that_is_published_by_its_digest_gets_its_name(here: Here) -> None:
    digest = Office(here).publish(SHOP)
    named = here.store.resolve(SHOP)
    assert named is not None
    assert named.digest == digest


def test_a_name_that_is_another_package_in_the_store_is_not_published(here: Here) -> None:
    office = Office(here)
    first, second = office.package(SHOP), office.package(SHOP, description="Another.")
    here.store.tag(SHOP, second.descriptor)
    with pytest.raises(Refused) as refused:
        office.put(first)
    assert refused.value.code == "store/tag-taken"
    assert office.at().versions().items == ()


def test_a_publication_that_is_refused_leaves_no_name(here: Here) -> None:
    office = Office(here)
    office.publish(SHOP)
    here.store.untag(SHOP)
    with pytest.raises(Refused) as refused:
        office.put(office.package(SHOP, description="Another."))
    assert refused.value.code == "version/taken"
    assert here.store.resolve(SHOP) is None
