"""Who is asked again when a call fails, and in whose company.

One row can fail everybody's call. Whoever was in it is asked again in smaller company,
until the one that is to blame is alone, and its failure its own:

- The package's code raised: the worker is well, so the call is halved. Of ``n`` requests
  one bad one costs about ``2 log2 n`` calls more.
- The worker died, or hung and was killed: each of these costs a worker. So the call is cut
  into about ``sqrt n`` groups, and a group that fails again into its requests: one bad
  request costs three workers at most. A request that was alone is tried once more.

A package that declares the network may have done something out there: a request that its
worker died over is not asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isqrt

from ketch.serving.workers.queue import Piece

_FEW = 4


def halves(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the two halves of a call that raised; it had more than one request."""
    middle = len(pieces) // 2
    yield list(pieces[:middle])
    yield list(pieces[middle:])


def after_death(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """Yield the calls that take the place of one whose worker died; fewer where it ends."""
    for piece in pieces:
        piece.deaths += 1
    if len(pieces) == 1 and pieces[0].deaths > 1:
        return
    first = all(piece.deaths == 1 for piece in pieces)
    size = isqrt(len(pieces)) if first and len(pieces) > _FEW else 1
    for at in range(0, len(pieces), size):
        yield list(pieces[at : at + size])
