"""Keys: elliptic curves over NIST's primes, as PEM files that any tool reads.

The curves are those of the model-signing format; a new key is of P-256. A public key is
known by its fingerprint, the SHA-256 of its PEM form, which is also the format's ``hint``.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ketch.errors import NotFound, UsageError
from ketch.files import explained, failure, read_file

MAX_KEY_BYTES = 64 * 1024
PUBLIC_SUFFIX = ".pub"

_HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "secp256r1": hashes.SHA256,
    "secp384r1": hashes.SHA384,
    "secp521r1": hashes.SHA512,
}
"""Curve → the hash that is signed with it (Sigstore's ``PublicKeyDetails``)."""


@dataclass(frozen=True, repr=False)
class PublicKey:
    """What signatures are checked with."""

    _key: ec.EllipticCurvePublicKey

    @classmethod
    def parse(cls, content: bytes, *, where: str) -> Self:
        """Read a public key from its PEM form.

        Raises:
            UsageError: ``signature/key``: it is none, or one of another kind.
        """
        try:
            key = serialization.load_pem_public_key(content)
        except (ValueError, UnsupportedAlgorithm) as error:
            hint = "a private key stays with its owner" if b"PRIVATE" in content else None
            raise _no_key("a public key as PEM", content, where, hint) from error
        return cls(_known_curve(key, where))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a public key from a file; see :meth:`parse`."""
        return cls.parse(_content(path), where=str(path))

    @property
    def pem(self) -> bytes:
        """The key as PEM (SubjectPublicKeyInfo)."""
        return self._key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @cached_property
    def fingerprint(self) -> str:
        """The SHA-256 of the PEM form, as 64 hexadecimal digits."""
        return hashlib.sha256(self.pem).hexdigest()

    def fits(self, signature: bytes, message: bytes) -> bool:
        """Whether a message was signed with this key's private half."""
        try:
            self._key.verify(signature, message, ec.ECDSA(_HASHES[self._key.curve.name]()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, repr=False)
class PrivateKey:
    """What a person signs with."""

    _key: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> Self:
        """Return a new key, of P-256."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path: Path, passphrase: str | None = None) -> Self:
        """Read a private key from a file.

        Raises:
            UsageError: ``signature/key``: it is none, or of another kind;
                ``signature/passphrase``: it needs another passphrase than this, or one.
        """
        content = _content(path)
        secret = passphrase.encode() if passphrase else None
        try:
            key = serialization.load_pem_private_key(content, secret)
        except TypeError as error:  # a passphrase where none is needed, or the reverse
            if secret is None:
                raise _locked(path, "expected a passphrase, found none") from error
            key = serialization.load_pem_private_key(content, None)
        except (ValueError, UnsupportedAlgorithm) as error:
            if b"ENCRYPTED" in content:
                raise _locked(path, "expected the passphrase of this key") from error
            hint = "this is the public half" if b"PUBLIC" in content else None
            raise _no_key("a private key as PEM", content, str(path), hint) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise _other_kind(str(path))
        _known_curve(key.public_key(), str(path))
        return cls(key)

    @property
    def public(self) -> PublicKey:
        """The half that everybody may know."""
        return PublicKey(self._key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return a signature of a message (ECDSA, DER)."""
        return self._key.sign(message, ec.ECDSA(_HASHES[self._key.curve.name]()))

    def save(self, path: Path, passphrase: str | None = None) -> Path:
        """Write both halves; nobody but the owner may read the private one.

        Returns:
            Where the public half is.

        Raises:
            UsageError: ``signature/key-exists``: one of the files is there. A key that is
                written over is lost for ever.
        """
        beside = path.with_name(path.name + PUBLIC_SUFFIX)
        for each in (path, beside):
            if os.path.lexists(each):
                raise UsageError(
                    "expected no such file yet, found one",
                    code="signature/key-exists",
                    where=str(each),
                    hint="name another file; a key that is written over is lost",
                )
        lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            lock = serialization.BestAvailableEncryption(passphrase.encode())
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            lock,
        )
        _write_new(path, pem, 0o600)
        _write_new(beside, self.public.pem, 0o644)
        return beside


def _write_new(path: Path, content: bytes, mode: int) -> None:
    with explained(path):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)


def _known_curve(key: object, where: str) -> ec.EllipticCurvePublicKey:
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _HASHES:
        raise _other_kind(where)
    return key


def _content(path: Path) -> bytes:
    try:
        return read_file(path, most=MAX_KEY_BYTES)
    except FileNotFoundError as error:
        raise NotFound(
            "expected a key, found no file",
            code="signature/no-key",
            where=str(path),
            hint="`ketch keygen` makes a pair of keys",
        ) from error
    except OSError as error:
        raise failure(error, path) from error


def _other_kind(where: str) -> UsageError:
    return UsageError(
        "expected an elliptic curve key (P-256, P-384 or P-521), found another kind",
        code="signature/key",
        where=where,
        hint="`ketch keygen` makes one that fits",
    )


def _no_key(expected: str, content: bytes, where: str, hint: str | None) -> UsageError:
    found = "an empty file" if not content.strip() else "something else"
    return UsageError(
        f"expected {expected}, found {found}", code="signature/key", where=where, hint=hint
    )


def _locked(path: Path, message: str) -> UsageError:
    return UsageError(
        message,
        code="signature/passphrase",
        where=str(path),
        hint="type it when asked, or set KETCH_KEY_PASSPHRASE",
    )
