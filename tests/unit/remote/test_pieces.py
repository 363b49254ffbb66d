"""The list of a large blob's pieces."""

from __future__ import annotations

import json

import pytest

from ketch.errors import ManifestError, UsageError
from ketch.package import Digest
from ketch.remote.pieces import Piece, Pieces

A, B, C = (Piece(Digest.of(bytes([number])), size) for number, size in enumerate((10, 10, 3)))
LISTED = Pieces((A, B, C))


def test_a_list_is_read_as_it_was_written() -> None:
    assert Pieces.parse(LISTED.to_bytes(), where="x") == LISTED
    assert LISTED.size == 23


@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (0, [(0, A, 0), (1, B, 0), (2, C, 0)]),
        (9, [(0, A, 9), (1, B, 0), (2, C, 0)]),
        (10, [(1, B, 0), (2, C, 0)]),
        (22, [(2, C, 2)]),
        (23, []),
    ],
)
def test_from_any_position_the_right_pieces_are_asked_for(
    position: int, expected: list[tuple[int, Piece, int]]
) -> None:
    assert LISTED.after(position) == expected


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"format": 2, "pieces": []},
        {"format": 1, "pieces": {}},
        {"format": 1, "pieces": [7]},
        {"format": 1, "pieces": [{"digest": "sha256:x", "size": 1}]},
        {"format": 1, "pieces": [{"digest": str(A.digest), "size": 0}]},
        {"format": 1, "pieces": [{"digest": str(A.digest), "size": True}]},
        {"format": 1, "pieces": [{"digest": str(A.digest), "size": 2**40}]},
        {"format": 1, "pieces": [{"digest": str(A.digest)}]},
    ],
)
def test_what_is_no_list_is_refused(body: object) -> None:
    with pytest.raises(ManifestError):
        Pieces.parse(json.dumps(body).encode(), where="x")


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(UsageError):
        Pieces.parse(b"nonsense", where="x")
