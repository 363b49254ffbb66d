"""How far a log is in the bucket that it is sent to."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ketch.files import write_whole

FILE = "shipped.json"


class Shipped(msgspec.Struct, frozen=True):
    """How far a log is in its bucket.

    Attributes:
        to: The address of the bucket, with the prefix.
        time: When all that was sealed was there, in seconds since 1970; 0 if it never was.
        lists: The CRC-32 of the list of each partition, as it was sent.
        problem: Why not all of it is there; None when it is.
    """

    to: str
    time: float = 0.0
    lists: dict[str, int] = {}
    problem: str | None = None

    @classmethod
    def of(cls, log: Path) -> Shipped | None:
        """Return how far a log is; None where it goes nowhere."""
        try:
            return msgspec.json.decode((log / FILE).read_bytes(), type=Shipped)
        except (FileNotFoundError, msgspec.MsgspecError):  # what is damaged is looked up anew
            return None

    def write(self, log: Path) -> None:
        """Write it down."""
        write_whole(log / FILE, msgspec.json.encode(self))
