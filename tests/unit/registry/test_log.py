"""The log of a damaged database is told to be damaged."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from tests.registries import Here, Office

from ketch.errors import Unavailable
from ketch.registry import check_registry, open_database


@pytest.mark.parametrize("column", ["actor", "subject", "previous"])
def test_bytes_where_text_was_are_damage(tmp_path: Path, column: str) -> None:
    with closing(Office(Here(open_database(f"sqlite:///{tmp_path / 'registry.db'}")))) as office:
        office.publish("shop:1.0.0")
        with office.database.writing() as session:
            session.run(f"UPDATE events SET {column} = CAST({column} AS BLOB)")
        with pytest.raises(Unavailable) as problem:
            office.at().history()
        assert problem.value.code == "registry/damaged"
        assert [one.code for one in check_registry(office.database).findings] == [
            "registry/broken-log"
        ]
