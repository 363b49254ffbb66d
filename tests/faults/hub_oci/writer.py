"""The command whose faults are tried: a hub in ``FOLDER``, and a client that pushes to it.

The client pushes a package in chunks and in one piece, publishes it, and attaches what
refers to it. It says what a refusal of the hub's disk looks like from outside.
"""

from __future__ import annotations

import sys
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.conformance.hub_oci.harness import Served, package, referrer, serving

from ketch.package import Digest, Package

NAME = "shop:1.0.0"
SAID = b"it passed " * 300_000
"""Large enough for several batches."""


def made() -> Package:
    """Return the package that is pushed, the same at each run."""
    return package(NAME)


def push(hub: Served, shop: Package) -> None:
    """Push everything, by every way into a hub."""
    client = hub.as_("paul")
    for number, blob in enumerate(sorted({one.digest for one in shop.artifact.blobs()})):
        content = shop.source.read(blob)
        where = right(client.begin("shop"), 202).headers["Location"]
        if number % 3 == 0:
            half = len(content) // 2
            right(client.ask("PATCH", where, content=content[:half]), 202)
            content = content[half:]
        right(client.ask("PUT", f"{where}?digest={blob}", content=content), 201)
    manifest = shop.source.read(shop.digest)
    right(client.put("shop", str(shop.digest), manifest), 201)
    for said in (b"{}", SAID):
        right(client.upload("shop", said), 201)
    right(client.put("shop", "1.0.0", manifest), 201)
    about = referrer(shop.descriptor, SAID).to_bytes()
    right(client.put("shop", str(Digest.of(about)), about), 201)


class Refusal(Exception):
    """The hub answered with an error."""

    def __init__(self, reply: httpx.Response) -> None:
        super().__init__(f"{reply.status_code} {reply.text}")
        self.reply = reply


def right(reply: httpx.Response, status: int) -> httpx.Response:
    """Return an answer that is as it should be."""
    if reply.status_code != status:
        raise Refusal(reply)
    return reply


def main(folder: Path) -> int:
    """Push; return the status as the command line would, and say why when it is refused."""
    try:
        with serving(folder / "hub") as hub:
            push(hub, made())
    except Refusal as error:
        told = error.reply.json()["errors"][0]
        is_disk = error.reply.status_code in {503, 507} and told["code"] == "UNAVAILABLE"
        print(f"{told['detail'].get('code')}: {told['message']} {error}", file=sys.stderr)
        print(f"{folder}\nhint: {told['detail'].get('hint')}", file=sys.stderr)
        return 3 if is_disk else 1
    except Exception as error:  # noqa: BLE001 # the hub could not start: it says where
        code = getattr(error, "exit_status", 1)
        where = getattr(error, "where", None)
        hint = getattr(error, "hint", None)
        print(f"{type(error).__name__}: {error} {where}\nhint: {hint}", file=sys.stderr)
        return int(code)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
