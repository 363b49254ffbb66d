"""Fields and files that the tests of tables share."""

import pytest

from ketch.schema import Field, parse_fields


@pytest.fixture
def fields() -> tuple[Field, ...]:
    found, findings = parse_fields(
        {
            "shopper": "string",
            "viewed": "list<string>",
            "hour": {"type": "int64", "nullable": True},
            "at": "timestamp[us, UTC]",
        },
        "ketch.toml: inputs",
    )
    assert findings == ()
    return found


@pytest.fixture
def rows() -> list[dict[str, object]]:
    return [
        {"shopper": "Åsa", "viewed": ["a", "b"], "hour": 9, "at": "2026-10-31T09:00:00Z"},
        {"shopper": "B,ö\n", "viewed": [], "hour": None, "at": "2026-10-31T09:00:00.250Z"},
    ]
