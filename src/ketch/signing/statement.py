"""What is signed: the files of a package, and nothing besides.

The statement is that of the OpenSSF model-signing format 1.0 (an in-toto Statement 1.0 of
the predicate ``https://model_signing/signature/v1.0``). Its files are those of ``ketch
export folder``: ``manifest.json``, whose digest is the package's own; ``config.json``; and
every layer under its path in the package. Their digests stand in the manifest, so nothing
is read to sign or to check.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ketch.errors import ManifestError, UsageError
from ketch.package import Digest, Package
from ketch.schema.parse import canonical_json, parse_json

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
PAYLOAD_TYPE = "application/vnd.in-toto+json"

MANIFEST = "manifest.json"
CONFIG = "config.json"
SIGNATURE = "model.sig"

MAX_STATEMENT_BYTES = 16 * 1024 * 1024


def signed_files(package: Package) -> dict[str, Digest]:
    """Return each file that a signature covers, and its digest, sorted by path."""
    layers = {path: layer.digest for path, layer in package.files.items()}
    files = {MANIFEST: package.digest, CONFIG: package.artifact.config.digest, **layers}
    return dict(sorted(files.items()))


def statement(package: Package) -> bytes:
    """Return what a signer of a package puts their name to, as canonical JSON."""
    files = signed_files(package)
    resources = [
        {"name": path, "algorithm": "sha256", "digest": digest.hex}
        for path, digest in files.items()
    ]
    serialization = {
        "method": "files",
        "hash_type": "sha256",
        "allow_symlinks": False,
        "ignore_paths": [SIGNATURE],
    }
    return canonical_json(
        {
            "_type": STATEMENT,
            "subject": [{"name": package.reference, "digest": {"sha256": root(files)}}],
            "predicateType": PREDICATE,
            "predicate": {"serialization": serialization, "resources": resources},
        }
    )


def files_in(content: bytes) -> dict[str, Digest]:
    """Return the files that a statement is about.

    Raises:
        ManifestError: ``signature/format``: it is no such statement, or one that does not
            agree with itself.
    """
    try:
        body = parse_json(content, max_bytes=MAX_STATEMENT_BYTES)
    except UsageError as problem:
        raise _refused(problem.message) from problem
    match body:
        case {
            "_type": str(form),
            "predicateType": str(kind),
            "subject": [{"digest": {"sha256": str(said)}}],
            "predicate": {"resources": list(resources)},
        } if (form, kind) == (STATEMENT, PREDICATE):
            files = dict(map(_file, resources))
            if len(files) != len(resources):
                raise _refused("expected each file once")
            if root(files) != said:
                raise _refused(f"expected the digest `{root(files)}` of its files, found another")
            return files
    raise _refused(f"expected a statement of the kind `{PREDICATE}`")


def root(files: Mapping[str, Digest]) -> str:
    """Return the SHA-256 over all digests, in order, as the format has it."""
    return hashlib.sha256(
        b"".join(bytes.fromhex(digest.hex) for digest in files.values())
    ).hexdigest()


def _file(resource: object) -> tuple[str, Digest]:
    match resource:
        case {"name": str(name), "algorithm": "sha256", "digest": str(digest)}:
            try:
                return name, Digest.parse(f"sha256:{digest}")
            except (UsageError, ManifestError) as problem:
                raise _refused(problem.message) from problem
    raise _refused("expected a file with its SHA-256")


def _refused(message: str) -> ManifestError:
    return ManifestError(message, code="signature/format", where="signature")
