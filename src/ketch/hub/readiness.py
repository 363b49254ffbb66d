"""Whether a hub can do its work now: what somebody who sends it requests asks again and again."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import Unavailable
from ketch.files import explained
from ketch.hub.inside import Inside

PATIENCE_S = 5.0


class Readiness:
    """Answers whether registry and store do.

    It looks in a thread of its own, once at a time, so that nobody who asks too often, or
    while a database hangs, keeps others from their answers.

    Args:
        inside: The parts of the hub.
    """

    def __init__(self, inside: Inside) -> None:
        self._inside = inside
        self._pool = ThreadPoolExecutor(1, "ketch-ready")

    async def __call__(self, _: Request) -> Response:
        """Answer 200 when both do.

        Raises:
            Unavailable: One of them does not, or not in time.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().run_in_executor(self._pool, self._look)
        except TimeoutError as error:
            message = f"expected registry and store to answer within {PATIENCE_S:g} s"
            raise Unavailable(message, code="hub/not-ready") from error
        return Response(b'{"ready":true}', media_type="application/json")

    def close(self) -> None:
        """Look no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> None:
        self._inside.registry.head()
        file = self._inside.store.layout.oci_layout
        with explained(file):
            file.read_bytes()
