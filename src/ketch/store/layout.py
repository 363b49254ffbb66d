"""Where the parts of a local store lie.

::

    ROOT/                    an OCI image layout (image-spec 1.1, image-layout.md)
    ├── oci-layout
    ├── index.json           tags; rewritten whole, under the lock
    ├── blobs/sha256/<hex>   content, mode 0444
    └── .ketch/              ours; other tools do not look
        ├── lock             exclusive: index.json and deleting; shared: relying on a blob
        ├── tmp/<random>/    files on their way in; each folder is locked by its writer
        ├── tmp/<hex>.part   blobs on their way from a remote; the next try goes on with them
        ├── uploads/         pushes that were begun, and where blobs went
        ├── filecache        digests of files seen before
        └── quarantine/      damaged blobs, set aside
"""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ketch.errors import PackageError
from ketch.files import explained, sync_folder, write_whole
from ketch.package.digest import Digest
from ketch.schema.parse import parse_json
from ketch.store.index import Index
from ketch.store.locks import locked

OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'


def check_layout_file(content: bytes, where: str) -> None:
    """Refuse a file ``oci-layout`` of another version, or of none.

    Raises:
        PackageError: ``archive/not-a-layout``.
        UsageError: It is no JSON.
    """
    body = parse_json(content, where=where)
    if not isinstance(body, dict) or body.get("imageLayoutVersion") != "1.0.0":
        raise PackageError(
            "expected `imageLayoutVersion` 1.0.0, found another",
            code="archive/not-a-layout",
            where=where,
        )


@dataclass(frozen=True)
class Layout:
    """The paths of a local store.

    Attributes:
        root: The folder of the OCI image layout; absolute, so that ``chdir`` is harmless.
    """

    root: Path

    @property
    def oci_layout(self) -> Path:
        """The file that says which version of the layout this is."""
        return self.root / "oci-layout"

    @property
    def index(self) -> Path:
        """The tags."""
        return self.root / "index.json"

    @cached_property  # asked for thousands of times when files are small
    def blobs(self) -> Path:
        """The folder of all blobs."""
        return self.root / "blobs" / "sha256"

    @property
    def lock(self) -> Path:
        """The lock file."""
        return self.root / ".ketch" / "lock"

    @property
    def temporary(self) -> Path:
        """The folder of files on their way in."""
        return self.root / ".ketch" / "tmp"

    @property
    def file_cache(self) -> Path:
        """Digests of files seen before."""
        return self.root / ".ketch" / "filecache"

    @property
    def quarantine(self) -> Path:
        """Damaged blobs, set aside."""
        return self.root / ".ketch" / "quarantine"

    def blob(self, digest: Digest) -> Path:
        """Return where a blob lies, or would lie."""
        return self.blobs / digest.hex

    def create(self) -> None:
        """Create what is missing; ``index.json`` comes last, when all the rest is durable.

        Raises:
            Unavailable: The disk refused.
        """
        with explained(self.root):
            if self.index.exists() and self.temporary.is_dir():
                return
            for folder in (self.root, self.blobs.parent, self.blobs, self.lock.parent):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.temporary.mkdir(mode=0o700, exist_ok=True)
            with locked(self.lock, exclusive=True):
                self._create_files()

    def _create_files(self) -> None:
        for folder in (self.blobs, self.blobs.parent, self.root.parent):
            with suppress(PermissionError):  # the parent may be another user's
                sync_folder(folder)
        if not self.oci_layout.exists():
            write_whole(self.oci_layout, OCI_LAYOUT)
        if not self.index.exists():
            write_whole(self.index, Index().to_bytes())
