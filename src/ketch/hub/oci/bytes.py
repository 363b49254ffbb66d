"""What every endpoint of the distribution API works with, and how it reads a request."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, Self, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ketch.errors import ManifestError, NotFound, UsageError
from ketch.hub.access import Identity
from ketch.hub.oci.limits import Limits
from ketch.hub.oci.shelves import Shelves, Versions
from ketch.hub.oci.uploads import Uploads
from ketch.package import Digest, PackageName
from ketch.package.paths import printable
from ketch.registry import Desk
from ketch.store import LocalStore

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 16
JUDGES = 4

DeskOf = Callable[[Identity], Desk]


@dataclass(frozen=True)
class HubBytes:
    """The bytes of a hub.

    Attributes:
        store: Where they are.
        shelves: What belongs to which repository.
        uploads: What is on its way.
        desk_of: The desk of whoever asks.
        limits: How much is taken.
        accelerated: Where a proxy in front finds the store's blobs (nginx's
            ``X-Accel-Redirect``); None when the hub sends them itself.
        turn: Held while a version is published, and while a list of referrers grows.
        judges: Taken by whoever looks at a manifest: its package's files come into memory.
        pool: Where stores and registries are asked; each of its threads keeps a connection.
    """

    store: LocalStore
    shelves: Shelves
    uploads: Uploads
    desk_of: DeskOf
    limits: Limits = field(default_factory=Limits)
    accelerated: str | None = None
    turn: threading.Lock = field(default_factory=threading.Lock)
    judges: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(JUDGES))
    pool: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, "ketch-oci")
    )

    @classmethod
    def open(
        cls,
        store: LocalStore,
        registry: Versions,
        desk_of: DeskOf,
        *,
        limits: Limits | None = None,
        accelerated: str | None = None,
    ) -> Self:
        """Open the bytes of a hub.

        Args:
            store: Where they are; what is on its way lies beside them.
            registry: Tells of every version, whoever may see it.
            desk_of: The desk of whoever asks.
            limits: How much is taken.
            accelerated: Where a proxy in front finds the store's blobs.

        Raises:
            Refused: ``oci/two-hubs``: another hub serves the same folder.
            Unavailable: ``disk/…``: the disk refused.
        """
        bounds = limits or Limits()
        uploads = Uploads(store, bounds)
        shelves = Shelves(store.layout.lock.parent / "shelves.db", store, registry)
        return cls(store, shelves, uploads, desk_of, bounds, accelerated)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do what waits for a disk or a database, while the event loop serves others."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, functools.partial(work, *args, **kwargs))

    def close(self) -> None:
        """Close the files; uploads stay as they are."""
        self.pool.shutdown()
        self.shelves.close()
        self.uploads.close()


def repository_of(request: Request) -> str:
    """Return the repository that a request is about: the name of a package.

    Raises:
        UsageError: ``package/name-syntax``.
    """
    return str(PackageName.parse(str(request.path_params["name"])))


def digest_of(text: str) -> Digest:
    """Read the digest in an address.

    Raises:
        UsageError: ``oci/digest``: it is none, or not of SHA-256.
    """
    try:
        return Digest.parse(text)
    except ManifestError as error:
        raise UsageError(error.message, code="oci/digest") from error


def no_blob(digest: Digest, repository: str) -> NotFound:
    """Return the error for a blob that a repository does not show."""
    return NotFound(
        f"expected a blob of `{repository}`, found none with `{digest}`", code="oci/no-blob"
    )


def no_manifest(reference: str, repository: str) -> NotFound:
    """Return the error for a manifest that a repository does not show."""
    return NotFound(
        f"expected a version or a digest of `{repository}`, found `{printable(reference)}`",
        code="oci/no-manifest",
    )


def empty(status: int, headers: Mapping[str, str]) -> Response:
    """Return an answer without a body."""
    return Response(None, status, {"Content-Length": "0", **headers})
