import pytest

from ketch.schema import Float, Int, List, Member, String, Struct, Tensor, Timestamp, to_wire
from ketch.schema.types import Date, holds_floats, leaf

ADDRESS = Struct((Member("street", String()), Member("flat", Int(64), nullable=True)))


def test_integers_know_their_range() -> None:
    assert (Int(8).smallest, Int(8).largest) == (-128, 127)
    assert (Int(64, signed=False).smallest, Int(64, signed=False).largest) == (0, 2**64 - 1)


@pytest.mark.parametrize(
    ("written", "wire"),
    [
        (Int(32), {"kind": "int32"}),
        (Date(), {"kind": "date32"}),
        (Timestamp("us", "UTC"), {"kind": "timestamp", "unit": "us", "zone": "UTC"}),
        (Timestamp("ns"), {"kind": "timestamp", "unit": "ns", "zone": None}),
        (List(String()), {"kind": "list", "item": {"kind": "string"}}),
        (Tensor(Float(32), (-1, 3)), {"kind": "tensor", "dtype": "float32", "shape": [-1, 3]}),
        (
            ADDRESS,
            {
                "kind": "struct",
                "fields": [
                    {"name": "street", "type": {"kind": "string"}, "nullable": False},
                    {"name": "flat", "type": {"kind": "int64"}, "nullable": True},
                ],
            },
        ),
    ],
)
def test_the_worker_reads_a_type_as_json(
    written: Int | Date | Timestamp | List | Struct | Tensor, wire: dict[str, object]
) -> None:
    assert to_wire(written) == wire


def test_the_leaf_of_lists_and_tensors_is_their_scalar() -> None:
    assert leaf(List(List(String()))) == String()
    assert leaf(Tensor(Float(32), (3,))) == Float(32)
    assert leaf(List(ADDRESS)) is None


def test_floats_are_found_anywhere_inside() -> None:
    assert holds_floats(List(Struct((Member("at", Tensor(Float(16), (2,))),))))
    assert not holds_floats(List(ADDRESS))
