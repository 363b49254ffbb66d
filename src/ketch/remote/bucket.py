"""A prefix of a bucket: objects by key, through obstore, with our errors.

The only module that imports obstore, which is an extra: ``pip install 'ketch[objects]'``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ketch.errors import KetchError, NotFound, Refused, Unavailable, UsageError
from ketch.package.paths import printable
from ketch.remote.address import Address, Scheme
from ketch.remote.endpoints import is_plain

try:
    import obstore.exceptions
    from obstore.store import AzureStore, GCSStore, S3Store
except ImportError as problem:
    raise UsageError(
        "expected the library for object stores, found none",
        code="remote/no-obstore",
        hint="install it: `pip install 'ketch[objects]'`",
    ) from problem

if TYPE_CHECKING:
    from obstore.store import ObjectStore

MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
"""The largest object that is read into memory."""

_STREAM_BYTES = 1024 * 1024
_MOST_NAMES = 10_000_000
_RETRIES = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=250), "max_backoff": timedelta(seconds=10)},
}
_NOT_LET_IN = ("401 Unauthorized", "403 Forbidden")
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "bucket does not exist")


@dataclass(frozen=True, slots=True)
class Seen:
    """A small object as it was read, and what tells whether it is still so."""

    content: bytes
    e_tag: str | None
    version: str | None


class Bucket:
    """Objects below a prefix. Threads may share it.

    Args:
        objects: The prefix, as obstore opens it.
        where: What a person calls it.
    """

    def __init__(self, objects: ObjectStore, where: str) -> None:
        self._objects = objects
        self._where = where

    def size(self, key: str) -> int | None:
        """Return the size of an object; ``None`` when there is none."""
        with self._explained(key):
            try:
                return self._objects.head(key)["size"]
            except FileNotFoundError:
                return None

    def look(self, key: str) -> Seen | None:
        """Read a small object; ``None`` when there is none."""
        with self._explained(key):
            try:
                found = self._objects.get(key)
            except FileNotFoundError:
                return None
            content = _bounded(found.stream(_STREAM_BYTES), MAX_DOCUMENT_BYTES, self._at(key))
            return Seen(content, found.meta["e_tag"], found.meta["version"])

    def part(self, key: str, start: int, size: int) -> bytes:
        """Read an object of a known size, from a position on.

        Raises:
            NotFound: ``store/no-blob``: it is not there.
            Unavailable: It has another size.
        """
        with self._explained(key):
            try:
                found = self._objects.get(key, options={"range": (start, size)})
            except FileNotFoundError as error:
                raise NotFound(
                    "expected a piece of a blob, found nothing",
                    code="store/no-blob",
                    where=self._at(key),
                    hint="push the package again from where it is whole",
                ) from error
            content = _bounded(found.stream(_STREAM_BYTES), size - start, self._at(key))
        if len(content) != size - start:
            raise _odd(f"{size - start} bytes, found {len(content)}", self._at(key))
        return content

    def stream(self, key: str, position: int) -> Iterator[bytes] | None:
        """Open an object of any size from a position on; ``None`` when there is none."""
        size = self.size(key) if position else None
        if size is not None and position >= size:
            return iter(())
        with self._explained(key):
            try:
                ranged: Any = {"range": {"offset": position}} if position else {}
                found = self._objects.get(key, options=ranged)
            except FileNotFoundError:
                return None
            return self._parts(key, found.stream(_STREAM_BYTES))

    def put(self, key: str, content: bytes) -> None:
        """Write an object, whatever was there."""
        with self._explained(key):
            self._objects.put(key, content, use_multipart=False)

    def put_file(self, key: str, path: Path) -> None:
        """Write an object of any size from a file, whatever was there.

        Raises:
            FileNotFoundError: There is no such file.
        """
        with path.open("rb") as file, self._explained(key):
            self._objects.put(key, file)

    def swap(self, key: str, seen: Seen | None, content: bytes) -> bool:
        """Write an object if it is still as it was seen; whether it was."""
        mode: Any = "create"
        if seen is not None:
            said = {"e_tag": seen.e_tag, "version": seen.version}
            mode = {name: value for name, value in said.items() if value is not None}
        with self._explained(key):
            try:
                self._objects.put(key, content, mode=mode)
            except _LOST:
                return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""
        with self._explained(key):
            try:
                self._objects.delete(key)
            except FileNotFoundError:
                return

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the keys below a prefix."""
        yield from self.sizes(prefix)

    def sizes(self, prefix: str) -> dict[str, int]:
        """Return the sizes of what lies below a prefix, by key."""
        found: dict[str, int] = {}
        with self._explained(prefix):
            for page in self._objects.list(prefix):
                found.update((each["path"], each["size"]) for each in page)
                if len(found) > _MOST_NAMES:
                    raise _odd(f"at most {_MOST_NAMES} objects, found more", self._at(prefix))
        return found

    def _parts(self, key: str, stream: Iterator[bytes]) -> Iterator[bytes]:
        with self._explained(key):
            yield from map(bytes, stream)

    def _at(self, key: str) -> str:
        return f"{self._where}/{key}"

    @contextmanager
    def _explained(self, key: str) -> Iterator[None]:
        """Translate what obstore raises."""
        try:
            yield
        except (FileNotFoundError, obstore.exceptions.BaseError) as error:
            raise _meant_by(error, self._where, key) from error


_LOST = (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError)
_DENIED = (obstore.exceptions.PermissionDeniedError, obstore.exceptions.UnauthenticatedError)


def open_bucket(address: Address, *, ca_file: Path | None = None) -> Bucket:
    """Open a prefix of a bucket; credentials are where the object store's own tools look.

    Raises:
        UsageError: ``remote/address``: the settings of the object store are wrong.
    """
    made = {Scheme.S3: S3Store, Scheme.GS: GCSStore, Scheme.AZ: AzureStore}[address.scheme]
    client: dict[str, Any] = {"connect_timeout": timedelta(seconds=10)}
    if is_plain(address.scheme):
        client["allow_http"] = True
    if ca_file is not None:
        client["root_certificate"] = ca_file.read_bytes()
    try:
        objects = made(
            address.host,
            prefix=address.path or None,
            client_options=client,
            retry_config=_RETRIES,
        )
    except (obstore.exceptions.BaseError, ValueError) as error:
        raise UsageError(
            f"expected the settings of an object store, found: {_first_line(error)}",
            code="remote/address",
            where=str(address.place),
        ) from error
    return Bucket(objects, str(address.place))


def _bounded(stream: Iterator[bytes], most: int, where: str) -> bytes:
    parts, size = [], 0
    for part in stream:
        parts.append(bytes(part))
        size += len(part)
        if size > most:
            raise _odd(f"at most {most} bytes, found more", where)
    return b"".join(parts)


def _meant_by(error: Exception, where: str, key: str) -> KetchError:
    """Return what an error of obstore means; of a list it keeps the server's words alone."""
    told = str(error)
    if isinstance(error, _DENIED) or any(one in told for one in _NOT_LET_IN):
        return Refused(
            f"expected to be let in, found: {_first_line(error)}",
            code="remote/denied",
            where=f"{where}/{key}",
            hint="set the credentials of the object store, as its own tools want them",
        )
    if isinstance(error, FileNotFoundError) or any(one in told for one in _NO_BUCKET):
        return NotFound(
            "expected a bucket, found none of that name",
            code="remote/not-found",
            where=where,
            hint="check its name, and the account and endpoint that are set",
        )
    return Unavailable(
        f"expected an answer, found: {_first_line(error)}",
        code="remote/failing",
        where=f"{where}/{key}",
        hint="run the same again in a while; what has arrived is kept",
    )


def _odd(expected: str, where: str) -> Unavailable:
    return Unavailable(f"expected {expected}", code="remote/malformed", where=where)


def _first_line(error: Exception) -> str:
    return printable(str(error).partition("\n")[0])[:300]
