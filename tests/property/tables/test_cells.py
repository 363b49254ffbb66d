"""A column of cells means what its cells mean one by one."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ketch.schema import Decoder, Field, Row, parse_type, read_text_rows
from ketch.tables.cell_rows import decode_cells

TYPES = ["bool", "int8", "int64", "uint64", "float32", "float64", "string", "date32", "binary"]
TYPES += ["timestamp[us]", "list<int64>", "struct<a: float64?>"]
SPELLED = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.sampled_from(["", "true", "False", "TRUE", "+1", "007", "1.", ".5", "1e5", "1e999", "-0"]),
    st.sampled_from(["9007199254740993", "1_000", "1,5", " 1", "1 ", "1\n2", "nan", "null", "٣"]),
    st.sampled_from(["2024-02-29", "2024-02-30", "2024-02-29T01:02:03", "YQ==", "[1]", '{"a": 1}']),
    st.text("0123456789+-.eE\n, ", max_size=8),
)


def one_by_one(field: Field, cells: list[str]) -> tuple[list[Row], set[str]]:
    """Read each cell for itself, as the schema says it."""
    found, codes = [], set()
    for cell in cells:
        rows, findings = read_text_rows([field], [{field.name: cell}])
        if not findings:
            rows, findings = Decoder([field]).decode(rows)
        found += rows
        codes |= {finding.code for finding in findings}
    return (found, codes) if not codes else ([], codes)


@pytest.mark.parametrize("declared", TYPES)
@given(cells=st.lists(SPELLED, min_size=1, max_size=6), nullable=st.booleans())
@example(cells=["1\n2"], nullable=False)
@example(cells=["1", "2\n"], nullable=True)
def test_a_column_is_read_as_its_cells_are(
    declared: str, cells: list[str], *, nullable: bool
) -> None:
    field = Field("x", parse_type(declared, ""), nullable=nullable)
    rows, findings = decode_cells([field])([{"x": cell} for cell in cells])
    expected, codes = one_by_one(field, cells)
    assert [[type(row["x"]), repr(row["x"])] for row in rows] == [
        [type(row["x"]), repr(row["x"])] for row in expected
    ]
    assert {finding.code for finding in findings} == codes
