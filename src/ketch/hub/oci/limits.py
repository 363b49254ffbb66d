"""How much of everything a hub takes from its clients."""

from dataclasses import dataclass

from ketch.package.oci import MAX_MANIFEST_BYTES

KIB, MIB, GIB = 1024, 1024**2, 1024**3


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
    blob_bytes: int = 256 * GIB
    uploads: int = 1_000
    uploads_each: int = 100
    upload_bytes: int = 512 * GIB
    upload_age_s: float = 24 * 3600.0
    reserve_bytes: int = 64 * MIB
    idle_s: float = 60.0
    page: int = 1_000
    referrers: int = 1_000
