"""A signature: a statement, and who put their key to it.

The form is a Sigstore bundle 0.3 around a DSSE envelope, as the model-signing format has
it: the key's fingerprint as ``hint``, the statement, and an ECDSA signature of both the
statement and its type (DSSE 1.0, ``protocol.md``).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Self

from ketch.errors import ManifestError, Refused, UsageError
from ketch.package import Package
from ketch.package.oci import SIGSTORE_BUNDLE
from ketch.schema.parse import canonical_json, parse_json
from ketch.signing.keys import PrivateKey, PublicKey
from ketch.signing.statement import (
    MAX_STATEMENT_BYTES,
    PAYLOAD_TYPE,
    files_in,
    signed_files,
    statement,
)

MAX_BUNDLE_BYTES = 2 * MAX_STATEMENT_BYTES


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, which nobody has checked yet.

    Attributes:
        fingerprint: The key it says it was made with.
        payload: The statement that was signed.
        value: The signature itself (ECDSA, DER).
    """

    fingerprint: str
    payload: bytes
    value: bytes

    def check(self, package: Package, key: PublicKey) -> None:
        """Return if this key signed exactly this package.

        Raises:
            Refused: ``signature/other-key``, ``signature/forged``: it is not of this key;
                ``signature/other-package``: what was signed is something else.
            ManifestError: ``signature/format``: what was signed is no statement.
        """
        if self.fingerprint != key.fingerprint:
            raise Refused(
                f"expected a signature of the key `{key.fingerprint[:16]}`, "
                f"found one of `{self.fingerprint[:16]}`",
                code="signature/other-key",
            )
        if not key.fits(self.value, envelope(self.payload)):
            raise Refused(
                f"expected a signature that fits the key `{key.fingerprint[:16]}`, "
                "found one that does not",
                code="signature/forged",
                where=package.reference,
                hint="it was changed, or made by somebody else in the name of that key",
            )
        said, expected = files_in(self.payload), signed_files(package)
        if said != expected:
            changed = {*said.items()} ^ {*expected.items()}
            raise Refused(
                f"expected a signature of `{package.digest}`, found one of other files: "
                f"`{min(path for path, _ in changed)}` differs",
                code="signature/other-package",
                where=package.reference,
            )

    def to_bytes(self) -> bytes:
        """Return the bundle, as ``model_signing`` reads it."""
        return canonical_json(
            {
                "mediaType": SIGSTORE_BUNDLE,
                "verificationMaterial": {
                    "publicKey": {"hint": self.fingerprint},
                    "tlogEntries": [],
                },
                "dsseEnvelope": {
                    "payload": base64.b64encode(self.payload).decode(),
                    "payloadType": PAYLOAD_TYPE,
                    "signatures": [{"sig": base64.b64encode(self.value).decode(), "keyid": ""}],
                },
            }
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a bundle.

        Raises:
            ManifestError: ``signature/format``.
        """
        try:
            match parse_json(content, max_bytes=MAX_BUNDLE_BYTES):
                case {
                    "mediaType": str(form),
                    "verificationMaterial": {"publicKey": {"hint": str(hint)}},
                    "dsseEnvelope": {
                        "payload": str(payload),
                        "payloadType": str(kind),
                        "signatures": [{"sig": str(value)}],
                    },
                } if (form, kind) == (SIGSTORE_BUNDLE, PAYLOAD_TYPE):
                    return cls(hint, _decoded(payload), _decoded(value))
        except (UsageError, binascii.Error) as problem:
            raise _refused(str(problem)) from problem
        raise _refused(f"expected a bundle of one signature, of the kind `{SIGSTORE_BUNDLE}`")


def sign(package: Package, key: PrivateKey) -> Signature:
    """Put a key to a package."""
    payload = statement(package)
    return Signature(key.public.fingerprint, payload, key.sign(envelope(payload)))


def envelope(payload: bytes) -> bytes:
    """Return what is signed: the payload and its type (DSSE's pre-authentication encoding)."""
    return b"DSSEv1 %d %b %d %b" % (
        len(PAYLOAD_TYPE),
        PAYLOAD_TYPE.encode(),
        len(payload),
        payload,
    )


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _refused(message: str) -> ManifestError:
    return ManifestError(message, code="signature/format", where="signature")
