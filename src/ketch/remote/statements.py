"""What a remote says of a package: manifests that refer to it, as far as they are worth taking."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ketch.errors import NotFound, PackageError, UsageError
from ketch.package.attestation import MAX_ATTESTATION_BYTES
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_MANIFEST, MAX_MANIFEST_BYTES, Descriptor, parse_manifest
from ketch.remote.store import RemoteStore
from ketch.store.graph import require_refers

_MOST = 1000
_LARGEST = 4 * MAX_ATTESTATION_BYTES

Read = Callable[[Digest], bytes]
"""Returns a manifest of the remote."""


def statements(
    remote: RemoteStore, root: Descriptor, read: Read
) -> Iterator[tuple[Digest, Descriptor]]:
    """Yield what refers to a package, and what refers to that, as (subject, referrer).

    Anybody may have attached something. What is no manifest that refers to the package, is
    not there, or is larger than any statement, is left where it is.
    """
    pending, seen = [root.digest], {root.digest}
    while pending:
        subject = pending.pop(0)
        for listed in remote.referrers(subject):
            referrer = _statement(listed, subject, read)
            if referrer is None or referrer.digest in seen:
                continue
            if len(seen) > _MOST:
                return
            seen.add(referrer.digest)
            pending.append(referrer.digest)
            yield subject, referrer


def _statement(listed: Descriptor, subject: Digest, read: Read) -> Descriptor | None:
    if listed.media_type != IMAGE_MANIFEST or listed.size > MAX_MANIFEST_BYTES:
        return None
    try:
        referrer = require_refers(read, subject, listed)
        content = read(listed.digest)
        blobs = parse_manifest(content, where=str(listed.digest)).blobs()
    except (NotFound, PackageError, UsageError):
        return None
    is_small = sum(blob.size for blob in blobs) <= _LARGEST
    return referrer if is_small and len(content) == listed.size else None
