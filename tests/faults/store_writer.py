"""The command whose faults are tried: ``store_writer.py ROOT SOURCES put|gc``."""

import sys
from pathlib import Path

from ketch.errors import KetchError
from ketch.package.blobs import Stored
from ketch.package.oci import (
    EMPTY_CONFIG,
    IMAGE_MANIFEST,
    Descriptor,
    ImageManifest,
)
from ketch.store import gc
from ketch.store.local import LocalStore

NAME = "recommender:1.0.0"


def write(root: Path, sources: Path) -> None:
    """Store a package with a referrer, by every way into a store, and tag it last."""
    store = LocalStore(root)
    files = sorted(sources.iterdir())
    stored = store.put_files(files[:-1])
    stored = {**stored, **store.put_files(files[-1:], link=True)}
    config = store.put_bytes(b"{}")
    package = _put(store, config_of(config), [stored[path] for path in files], None)
    report = _put(store, config_of(config), [store.put_bytes(b"report")], package)
    store.tag(NAME, package)
    store.add_referrer(package.digest, report)


def config_of(stored: Stored) -> Descriptor:
    return Descriptor(EMPTY_CONFIG, stored.digest, stored.size)


def _put(
    store: LocalStore, config: Descriptor, layers: list[Stored], subject: Descriptor | None
) -> Descriptor:
    manifest = ImageManifest(
        config=config,
        layers=tuple(Descriptor("application/octet-stream", s.digest, s.size) for s in layers),
        subject=subject,
    )
    kept = store.put_bytes(manifest.to_bytes())
    return Descriptor(IMAGE_MANIFEST, kept.digest, kept.size)


def collect(root: Path) -> None:
    """Drop the package, and collect everything that it leaves."""
    store = LocalStore(root)
    store.untag(NAME)
    gc(store, grace_s=-60)


if __name__ == "__main__":
    root, sources, what = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    try:
        write(root, sources) if what == "put" else collect(root)
    except KetchError as error:
        print(f"{error.code}: {error} ({error.where})\nhint: {error.hint}", file=sys.stderr)
        sys.exit(error.exit_status)
