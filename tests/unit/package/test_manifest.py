"""What a package declares, as values."""

from __future__ import annotations

import json

from tests import packages

from ketch.package.manifest import Budget, Pipeline


def test_comparisons_are_those_that_are_functions() -> None:
    read = packages.manifest()
    assert read.comparisons == ()
    assert packages.toml_manifest(
        packages.TOML.replace("rtol = 1e-9", 'compare = "checks:close"')
    ).comparisons == ("checks:close",)


def test_what_was_not_declared_is_left_out() -> None:
    tables = packages.manifest(
        route=None, description="", evaluate=None, budget=Budget()
    ).identity_tables()
    assert json.dumps(tables) == (
        '{"package": {"name": "hello", "version": "1.0.0", "owner": "growth@shop.example"}}'
    )


def test_where_a_lock_came_from_is_left_out() -> None:
    table = packages.manifest().environment_table()["environment"]
    assert isinstance(table, dict)
    assert "requirements" not in table


def test_patterns_of_files_are_left_out() -> None:
    read = packages.manifest(pipeline=Pipeline(("a:b",), include=("tables/*.csv",)))
    assert read.pipeline_table() == {"pipeline": {"steps": ["a:b"], "takes": "records"}}
