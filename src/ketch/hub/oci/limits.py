"""How much of everything a hub takes from its clients."""

from dataclasses import dataclass
from typing import Self

from ketch.errors import UsageError
from ketch.package.oci import MAX_MANIFEST_BYTES

MB, GB = 10**6, 10**9
MOST_GB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask for; whoever runs the hub may say otherwise.

    Attributes:
        manifest_bytes: The largest manifest.
        blob_bytes: The largest blob.
        uploads: Open uploads, of everybody.
        uploads_each: Open uploads of one person.
        upload_bytes: What all open uploads may hold together.
        upload_age_s: An upload that got nothing for so long is forgotten.
        reserve_bytes: Uploads leave at least so much of the disk to the registry.
        idle_s: A client that neither sends nor takes anything for so long is left.
        page: The longest list of tags or repositories in one answer.
        referrers: What may refer to one manifest.
    """

    manifest_bytes: int = MAX_MANIFEST_BYTES
    blob_bytes: int = 256 * GB
    uploads: int = 1_000
    uploads_each: int = 100
    upload_bytes: int = 512 * GB
    upload_age_s: float = 24 * 3600.0
    reserve_bytes: int = 100 * MB
    idle_s: float = 60.0
    page: int = 1_000
    referrers: int = 1_000

    @classmethod
    def of(
        cls, *, blob_gb: float | None, uploads_gb: float | None, reserve_gb: float | None
    ) -> Self:
        """Return the limits as whoever runs the hub gives them; None leaves one as it is.

        Raises:
            UsageError: ``hub/limit``: one is negative, or no number.
        """
        said = {"blob_bytes": blob_gb, "upload_bytes": uploads_gb, "reserve_bytes": reserve_gb}
        return cls(**{name: _bytes(gb) for name, gb in said.items() if gb is not None})


def _bytes(gb: float) -> int:
    if not 0 <= gb <= MOST_GB:
        raise UsageError(f"expected 0 to {MOST_GB:,} GB, found `{gb:g}`", code="hub/limit")
    return round(gb * GB)
