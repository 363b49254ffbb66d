"""A repository of an OCI registry, as a store.

Speaks the OCI distribution specification 1.1 (``spec.md``), and what registries of before
do: where there is no referrers API, the index of a subject's referrers is kept under the
tag ``sha256-<hex>``.

A registry can do less than the port wants: it lists no blobs, so :meth:`OciStore.digests`
yields what the tags lead to; and it has no conditional put, so that two who give one tag
to different content at the same moment both hear of the last one only. A hub refuses that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace as replace_entries

from ketch.errors import Refused, UsageError
from ketch.package.blobs import Stored
from ketch.package.digest import Digest
from ketch.package.oci import IMAGE_INDEX, Descriptor
from ketch.package.paths import printable
from ketch.remote import oci_lists
from ketch.remote.address import is_tag
from ketch.remote.http import Session
from ketch.remote.journal import Journal
from ketch.remote.oci_manifests import MANIFEST_TYPES, Manifests
from ketch.remote.oci_upload import Uploads
from ketch.remote.outgoing import Outgoing
from ketch.remote.ranges import from_position, length_of
from ketch.remote.store import RemoteStore
from ketch.schema.parse import parse_json
from ketch.store.base import Progress, Reader, not_found
from ketch.store.graph import manifests, walk
from ketch.store.index import Index, joined, referrers_tag, subject_of


class OciStore(RemoteStore):
    """One repository; its tags are the versions of a package.

    Args:
        session: The registry, at its root.
        repository: Such as ``team/shop``.
        where: What a person calls it.
        journal: Where uploads that were begun are remembered.
    """

    lists_every_blob = False

    def __init__(
        self, session: Session, repository: str, *, where: str, journal: Journal | None = None
    ) -> None:
        super().__init__(where)
        self._session = session
        self._base = f"/v2/{repository}"
        self._manifests = Manifests(session, self._base, where)
        self._uploads = Uploads(session, repository, journal or Journal())

    def size(self, digest: Digest) -> int | None:
        """Return the size of a blob, or of a manifest, in bytes."""
        for path in self._places(digest):
            reply = self._session.request(
                "HEAD", path, headers={"Accept": MANIFEST_TYPES}, allow={404}, elsewhere=True
            )
            if reply.status != 404:
                return length_of(reply.headers, reply.url)
        return None

    def has(self, stored: Stored) -> bool:
        """Whether a blob of this size is there; a manifest is not asked for."""
        return self._uploads.holds(stored)

    @contextmanager
    def fetch(self, digest: Digest, position: int = 0) -> Iterator[Reader]:
        """Open a blob, or a manifest, for reading from a position on."""
        headers = {"Accept": f"{MANIFEST_TYPES}, */*"}
        headers |= {"Range": f"bytes={position}-"} if position else {}
        for path in self._places(digest):
            with self._session.stream(
                path, headers=headers, allow={404, 416}, elsewhere=True
            ) as stream:
                if stream.status == 404:
                    continue
                yield from_position(stream, position)
                return
        raise not_found(digest, self._at(digest))

    def pause(self, tried: int) -> None:
        """Wait before something is tried again."""
        self._session.pause(tried)

    def manifest(self, digest: Digest) -> bytes:
        """Return a manifest: it lies among the manifests, or, when nobody tagged it, the blobs."""
        content = self._manifests.get(digest)
        return super().manifest(digest) if content is None else content

    def send(self, outgoing: Outgoing, *, progress: Progress | None = None) -> None:
        """Upload a blob, and go on where an earlier attempt stopped."""
        self._uploads.send(outgoing, progress=progress)

    def digests(self) -> Iterator[Digest]:
        """Yield what the tags lead to: a registry lists no blobs."""
        seen: set[Digest] = set()
        for name in oci_lists.tags(self._session, self._base):
            top = self._manifests.resolve(name)
            for each in walk([top], manifests(self)) if top else ():
                if each.digest not in seen:
                    seen.add(each.digest)
                    yield each.digest

    def delete(self, digest: Digest) -> None:
        """Remove a blob, or a manifest with its tags, if it is there.

        Raises:
            Refused: ``remote/no-delete``: this registry keeps what it has.
        """
        for path in self._places(digest):
            self._delete(path)

    def check_name(self, name: str) -> None:
        """Refuse what is no tag of a registry, and the tags that referrers have."""
        if not is_tag(name) or subject_of(name):
            raise UsageError(
                f"expected a tag such as `1.0.0`, found `{printable(name)}`",
                code="store/tag-syntax",
                hint="at most 128 letters, digits, `.`, `_` and `-`; not `sha256-…`",
            )

    def name(
        self, name: str, descriptor: Descriptor, content: bytes, *, replace: bool = False
    ) -> None:
        """Let a tag stand for a manifest; looks before and after, for no put is conditional."""
        with self._lock:
            self.require_free(name, descriptor, replace=replace)
            self._manifests.put(content, descriptor.media_type, name)
        self.require_free(name, descriptor)

    def untag(self, name: str) -> None:
        """Forget a tag, if it is known."""
        self.check_name(name)
        self._delete(f"{self._base}/manifests/{name}")

    def resolve(self, name: str) -> Descriptor | None:
        """Return what a tag stands for, by the manifest's own bytes."""
        self.check_name(name)
        return self._manifests.resolve(name)

    def names(self) -> list[str]:
        """Return every tag, sorted; not the referrers' tags."""
        return sorted(
            name for name in oci_lists.tags(self._session, self._base) if subject_of(name) is None
        )

    def referrers(self, subject: Digest) -> list[Descriptor]:
        """Return the manifests that refer to ``subject``, as the registry lists them."""
        listed = oci_lists.referrers(self._session, self._base, subject)
        if listed is None:
            return [each for _, each in self._kept_referrers(subject).named()]
        return listed

    def put_manifest(self, content: bytes, media_type: str) -> None:
        """Store a manifest under its digest."""
        self._manifests.put(content, media_type, str(Digest.of(content)))

    def put_referrer(self, subject: Digest, descriptor: Descriptor, content: bytes) -> None:
        """Store a manifest that refers to ``subject``; list it, if the registry does not."""
        with self._lock:
            if self._manifests.put(content, descriptor.media_type, str(descriptor.digest)):
                return
            known = self._kept_referrers(subject)
            before = [each for _, each in known.named()]
            if len(joined(before, [descriptor])) > len(before):
                index = replace_entries(known, entries=(*known.entries, descriptor.to_json()))
                self._manifests.put(index.to_bytes(), IMAGE_INDEX, referrers_tag(subject))

    def _places(self, digest: Digest) -> tuple[str, str]:
        return f"{self._base}/blobs/{digest}", f"{self._base}/manifests/{digest}"

    def _kept_referrers(self, subject: Digest) -> Index:
        found = self._manifests.resolve(referrers_tag(subject))
        if found is None:
            return Index()
        content = self.manifest(found.digest)
        where = f"{self.where}:{referrers_tag(subject)}"
        return Index.from_json(parse_json(content, where=where), where=where)

    def _delete(self, path: str) -> None:
        reply = self._session.request("DELETE", path, allow={400, 404, 405}, again=True)
        if reply.status in {400, 405}:
            raise Refused(
                "expected the registry to delete, found that it does not",
                code="remote/no-delete",
                where=self.where,
                hint="whoever runs the registry decides whether it deletes",
            )
