"""A registry of a test: it does what the protocol says, unless the test has it do otherwise."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.remotes import Door

from ketch.package import Digest
from ketch.package.oci import IMAGE_MANIFEST
from ketch.store import Store

Answer = Callable[[Door], bool]
"""Answers a request, or returns false to have it answered as usual."""


@dataclass
class Shelf:
    """What a registry has, and how it is odd.

    Attributes:
        blobs: Content by digest.
        manifests: Content by tag or digest.
        odd: Asked before every answer.
        keeps: Whether what arrived of a broken chunk counts.
        on_part: Called whenever some bytes of an upload were read.
        received: How many bytes of uploads were read, again and again ones included.
    """

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    odd: Answer = lambda _: False
    keeps: bool = True
    uploads: dict[str, bytearray] = field(default_factory=dict)
    received: int = 0
    on_part: Callable[[], object] = lambda: None

    @classmethod
    def of(cls, store: Store, root: Digest, tag: str, odd: Answer = lambda _: False) -> Shelf:
        """Return a registry that has a package."""
        manifest = store.read(root)
        found = {str(each): store.read(each) for each in store.digests()}
        del found[str(root)]
        return cls(found, {tag: manifest, str(root): manifest}, odd)

    def __call__(self, door: Door) -> None:
        """Answer a request."""
        if self.odd(door):
            return
        path, _, query = door.path.partition("?")
        if match := re.search(r"/blobs/uploads/([0-9a-f]*)$", path):
            self._upload(door, match[1], query)
        elif match := re.search(r"/(blobs|manifests)/([^/]+)$", path):
            shelf = self.blobs if match[1] == "blobs" else self.manifests
            if door.command == "PUT":
                self._put(door, match[2])
            else:
                send(door, shelf.get(match[2]))
        elif path.endswith("/tags/list"):
            door.reply(
                200,
                json.dumps({"tags": [tag for tag in self.manifests if ":" not in tag]}).encode(),
            )
        else:
            door.reply(404)

    def _put(self, door: Door, reference: str) -> None:
        content = door.read()
        digest = str(Digest.of(content))
        self.manifests[reference] = self.manifests[digest] = content
        door.reply(201, Docker_Content_Digest=digest)

    def _upload(self, door: Door, name: str, query: str) -> None:
        if door.command == "POST":
            name = secrets.token_hex(8)
            self.uploads[name] = bytearray()
            door.reply(202, Location=f"{door.path.partition('?')[0]}{name}")
            return
        upload = self.uploads.get(name)
        if upload is None:
            door.reply(404)
        elif door.command == "GET":
            self._tell(door, 204, upload)
        elif door.command == "PATCH" and not door.headers["Content-Range"].startswith(
            f"{len(upload)}-"
        ):
            self._tell(door, 416, upload)
        else:
            self._take(door, upload)
            if door.command == "PUT":
                self._finish(door, name, query)
            else:
                self._tell(door, 202, upload)

    def _take(self, door: Door, upload: bytearray) -> None:
        left, taken = int(door.headers.get("Content-Length", 0)), bytearray()
        while left and (part := door.rfile.read1(min(left, 1 << 16))):
            left -= len(part)
            self.received += len(part)
            taken += part
            self.on_part()
        if self.keeps or not left:
            upload += taken
        if left:
            raise ConnectionResetError

    def _tell(self, door: Door, status: int, upload: bytearray) -> None:
        door.reply(status, Location=door.path, Range=f"0-{max(0, len(upload) - 1)}")

    def _finish(self, door: Door, name: str, query: str) -> None:
        content = bytes(self.uploads.pop(name))
        digest = str(Digest.of(content))
        if f"digest={digest.replace(':', '%3A')}" not in query:
            errors = {"errors": [{"code": "DIGEST_INVALID", "message": "other bytes"}]}
            door.reply(400, json.dumps(errors).encode())
        else:
            self.blobs[digest] = content
            door.reply(201, Docker_Content_Digest=digest)


def send(door: Door, content: bytes | None) -> None:
    """Answer with a blob or a manifest, or with the part of it that is asked for."""
    if content is None:
        door.reply(404)
        return
    said = {"Content_Type": IMAGE_MANIFEST}
    if match := re.fullmatch(r"bytes=(\d+)-", door.headers.get("Range", "")):
        start = int(match[1])
        said["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        door.reply(206, content[start:], **said)
    else:
        door.reply(200, content, **said)
