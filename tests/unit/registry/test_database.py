"""Databases that cannot be used as they are asked for, and what is told of them."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.registries import Here, Office

from ketch.errors import Unavailable, UsageError
from ketch.registry import open_database
from ketch.registry.sql.database import PostgreSQL


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://ketch:secret@db:5432/shop", "postgresql://ketch@db:5432/shop"),
        ("postgresql://ketch:se@cret@db/shop", "postgresql://ketch@db/shop"),
        ("postgresql://db/shop?password=secret&user=k", "postgresql://db/shop?password=…&user=k"),
        ("postgresql://db/shop?sslpassword=secret", "postgresql://db/shop?sslpassword=…"),
        ("postgresql:///shop", "postgresql:///shop"),
    ],
)
def test_nobody_is_told_a_password(url: str, told: str) -> None:
    assert PostgreSQL(url).url == told


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    database = open_database(f"sqlite:///{tmp_path / 'file' / 'registry.db'}")
    with pytest.raises(Unavailable) as problem, database.reading():
        pass
    assert problem.value.where == str(tmp_path / "file")


def test_a_number_that_no_database_holds_is_told() -> None:
    with closing(Office(Here(open_database("sqlite://")))) as office:
        for ask in (
            lambda: office.at().history(before=2**63),
            lambda: office.at().history(limit=2**63),
            lambda: office.at().versions(after=2**63),
        ):
            with pytest.raises(UsageError) as problem:
                ask()
            assert problem.value.code == "registry/value"
