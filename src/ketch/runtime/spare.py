"""A worker started before it is asked for, while another one is at work."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ketch.errors import Unavailable
from ketch.runtime.launch import Launch
from ketch.runtime.process import Worker


class Spare:
    """Starts one worker early, once; until it is taken it imports libraries only.

    Importing them is most of a worker's start. Nothing of the package runs before
    someone takes the worker and loads the package.

    Args:
        launch: How to start it.
        hash_seed: The hash seed it will be asked for with; None for no spare worker.
    """

    def __init__(self, launch: Callable[[int], Launch], hash_seed: int | None) -> None:
        self._launch = launch
        self._hash_seed = hash_seed
        self._is_wanted = hash_seed is not None
        self._worker: Worker | None = None

    def begin(self) -> None:
        """Start the worker, unless that was done before."""
        if self._is_wanted and self._hash_seed is not None:
            self._is_wanted = False
            with suppress(Unavailable):  # whoever asks for one is told
                self._worker = Worker.begin(self._launch(self._hash_seed))

    def take(self, hash_seed: int) -> Worker | None:
        """Return the worker if it has begun with this hash seed; it is the caller's then."""
        if hash_seed != self._hash_seed:
            return None
        self._is_wanted = False
        worker, self._worker = self._worker, None
        return worker

    def close(self) -> None:
        """End the worker if nobody took it."""
        if self._worker is not None:
            self._worker.close()
