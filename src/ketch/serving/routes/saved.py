"""What was served last, written down: serving starts again while the registry is away."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec

from ketch.errors import KetchError
from ketch.files import whole_file
from ketch.serving.routes.wanted import WantedRoute

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that remembers what ought to be served.

    Attributes:
        path: The file; its folder is made when it is first written.
        registry: Whose routes they are: what one registry said is not what another would.
    """

    path: Path
    registry: str = ""

    def write(self, routes: Sequence[WantedRoute]) -> None:
        """Remember these routes; a disk that refuses costs only the memory of them."""
        body = {
            "version": _VERSION,
            "registry": self._mark,
            "routes": [route.to_json() for route in routes],
        }
        with suppress(KetchError, OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with whole_file(self.path) as file:
                file.write(msgspec.json.encode(body))

    def read(self) -> tuple[WantedRoute, ...] | None:
        """Return the routes that were written last; None where there is nothing to read."""
        try:
            body = msgspec.json.decode(self.path.read_bytes())
            if body["version"] != _VERSION or body["registry"] != self._mark:
                return None
            return tuple(map(WantedRoute.from_json, body["routes"]))
        except (OSError, KetchError, msgspec.DecodeError, KeyError, TypeError, ValueError):
            return None  # none, or one that another version wrote, or damaged: not worth a stop

    @property
    def _mark(self) -> str:
        """What tells the registry from others; its address may hold a password."""
        return sha256(self.registry.encode()).hexdigest()[:16]
