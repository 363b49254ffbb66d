"""What is promised of profiles, whatever the data."""

import json
import math
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ketch.schema import parse_fields
from ketch.tables import Frequent, Profile
from ketch.tables.frequent import MOST_VALUES, OFTEN
from ketch.tables.scan import profile_file
from ketch.tables.write import RowWriter

FIELDS, _ = parse_fields(
    {
        "n": {"type": "int64", "nullable": True},
        "f": "float64",
        "s": "string",
        "at": "timestamp[us, UTC]",
    },
    "columns",
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "f": st.floats(-1e300, 1e300),
            "s": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
            "at": st.integers(0, 59).map(lambda second: f"2026-01-01T00:00:{second:02}Z"),
        }
    ),
    max_size=30,
)


def profile(rows: list[dict[str, object]]) -> Profile:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        with RowWriter(path, FIELDS) as writer:
            writer.write(rows)
        return profile_file(path, time_column="at")


@given(ROWS)
@settings(max_examples=15, deadline=None)
def test_a_profile_survives_json(rows: list[dict[str, object]]) -> None:
    found = profile(rows)
    assert Profile.from_json(json.loads(json.dumps(found.to_json()))) == found


@given(ROWS, ROWS)
@settings(max_examples=15, deadline=None)
def test_equal_rows_have_equal_digests_and_others_do_not(
    rows: list[dict[str, object]], others: list[dict[str, object]]
) -> None:
    def bits(these: list[dict[str, object]]) -> str:
        return json.dumps(these)  # tells -0.0 from 0.0, as the digest does

    same = bits(rows) == bits(others)
    assert (profile(rows).digest == profile(others).digest) == same


@given(ROWS.filter(bool))
@settings(max_examples=15, deadline=None)
def test_exact_figures_are_exact(rows: list[dict[str, object]]) -> None:
    found = profile(rows)
    numbers = [row["n"] for row in rows if row["n"] is not None]
    column = found.column("n")
    assert column.nulls == len(rows) - len(numbers)
    assert column.total == sum(n for n in numbers if isinstance(n, int))
    floats = [row["f"] for row in rows if isinstance(row["f"], float)]
    assert (found.column("f").min, found.column("f").max) == (min(floats), max(floats))
    assert found.column("f").total == math.fsum(floats)
    texts = Counter(row["s"] for row in rows)
    kept = found.column("s").frequent
    assert kept is None or kept.counts == texts
    assert (kept is None) == (texts.total() < OFTEN * len(texts))
    assert found.time_from == min(str(row["at"]) for row in rows)


@given(st.lists(st.lists(st.integers(0, 200), max_size=300), max_size=6), st.randoms())
@settings(max_examples=60, deadline=None)
def test_values_are_counted_exactly_while_they_are_few(
    blocks: list[list[int]], random: Random
) -> None:
    """Whatever order the blocks come in; of too many nothing is kept."""
    truth = Counter(value for block in blocks for value in block)
    random.shuffle(blocks)
    found: Frequent | None = Frequent({})
    for block in blocks:
        found = found and found.add(Counter(block))
    assert (found is None) == (len(truth) > MOST_VALUES)
    assert found is None or found.counts == truth


JSON_CELLS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=10,
)


@given(JSON_CELLS.filter(lambda cell: "\\ud" not in json.dumps(cell)))
def test_the_text_of_a_digest_is_that_of_every_json_writer(cell: object) -> None:
    """The description in ``rows_digest`` is of the standard library's text."""
    expected = json.dumps(cell, ensure_ascii=False, separators=(",", ":"))
    assert msgspec.json.encode(cell).decode() == expected
