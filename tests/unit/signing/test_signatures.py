"""A signature speaks for one key and one package, and for nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from tests import packages

from ketch.errors import KetchError, ManifestError, NotFound, Refused, UsageError
from ketch.package import Package, open_package
from ketch.schema.parse import canonical_json
from ketch.signing import (
    PrivateKey,
    PublicKey,
    Signature,
    attach,
    sign,
    signatures,
    signed_by,
    signers,
)
from ketch.signing.signature import envelope
from ketch.signing.statement import files_in, root, signed_files, statement
from ketch.store import MemoryStore

ANA, BEN, CARL = (PrivateKey.generate() for _ in range(3))


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def package(store: MemoryStore) -> Package:
    return open_package(packages.put(store, packages.files()), store)


@pytest.fixture
def other(store: MemoryStore) -> Package:
    changed = {**packages.files(), "model/weights.bin": b"other weights"}
    return open_package(packages.put(store, changed), store)


def refusal(act: Callable[[], object], kind: type[KetchError]) -> str:
    with pytest.raises(kind) as caught:
        act()
    return caught.value.code


def test_who_signed_is_found(package: Package, store: MemoryStore) -> None:
    attach(sign(package, ANA), ANA.public, package, store)
    assert signed_by(package, ANA.public, store)
    assert not signed_by(package, BEN.public, store)
    attach(sign(package, BEN), BEN.public, package, store)
    assert signed_by(package, BEN.public, store)
    assert [one.fingerprint for one in signatures(package.digest, store)] == [
        BEN.public.fingerprint,
        ANA.public.fingerprint,
    ]


def test_all_signers_are_known_by_their_keys(package: Package, store: MemoryStore) -> None:
    assert signers(package, store) == ()
    for key in (ANA, BEN, ANA):
        attach(sign(package, key), key.public, package, store)
    forged = replace(sign(package, ANA), fingerprint=CARL.public.fingerprint)
    attach(forged, CARL.public, package, store)
    attach(sign(package, CARL), ANA.public, package, store)
    assert signers(package, store) == tuple(sorted(key.public.fingerprint for key in (ANA, BEN))), (
        "a key that came with somebody else's signature proves nothing"
    )


def test_every_file_is_covered(package: Package) -> None:
    covered = signed_files(package)
    assert covered["manifest.json"] == package.digest
    assert {layer.digest for layer in package.files.values()} < set(covered.values())
    assert files_in(statement(package)) == covered


def test_a_signature_of_another_package_is_refused(
    package: Package, other: Package, store: MemoryStore
) -> None:
    signature = sign(other, ANA)
    assert refusal(lambda: signature.check(package, ANA.public), Refused) == (
        "signature/other-package"
    )
    attach(signature, ANA.public, package, store)
    assert not signed_by(package, ANA.public, store)


def test_a_signature_in_the_name_of_another_key_is_refused(
    package: Package, store: MemoryStore
) -> None:
    forged = replace(sign(package, BEN), fingerprint=ANA.public.fingerprint)
    assert refusal(lambda: forged.check(package, ANA.public), Refused) == "signature/forged"
    assert refusal(lambda: forged.check(package, BEN.public), Refused) == "signature/other-key"
    attach(forged, ANA.public, package, store)
    assert not signed_by(package, ANA.public, store)
    attach(sign(package, ANA), ANA.public, package, store)
    assert signed_by(package, ANA.public, store), "a forged one beside it changes nothing"


def test_no_changed_byte_of_a_bundle_passes(package: Package) -> None:
    right = sign(package, ANA)
    content = right.to_bytes()
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        try:
            read = Signature.from_bytes(bytes(changed))
            read.check(package, ANA.public)
        except (Refused, ManifestError):
            continue
        # What is not signed says nothing: only the empty `keyid` may hold something.
        assert (read.payload, read.value) == (right.payload, right.value), place
        assert content[place - 60 : place + 8].find(b"keyid") >= 0 or read == right, place


def test_what_is_signed_is_bound_to_its_type(package: Package) -> None:
    payload = statement(package)
    bare = Signature(ANA.public.fingerprint, payload, ANA.sign(payload))
    assert refusal(lambda: bare.check(package, ANA.public), Refused) == "signature/forged"
    assert envelope(b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}"


def altered(change: Callable[[dict[str, Any]], None], package: Package) -> bytes:
    body = json.loads(statement(package))
    change(body)
    return canonical_json(body)


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "another predicate": lambda body: body.update(predicateType="https://slsa.dev/provenance/v1"),
    "another statement": lambda body: body.update(_type="https://in-toto.io/Statement/v0.1"),
    "two subjects": lambda body: body["subject"].append(body["subject"][0]),
    "no subject": lambda body: body.update(subject=[]),
    "a file twice": lambda body: body["predicate"]["resources"].append(
        body["predicate"]["resources"][0]
    ),
    "a file too few": lambda body: body["predicate"]["resources"].pop(),
    "another order": lambda body: body["predicate"]["resources"].reverse(),
    "another hash": lambda body: body["predicate"]["resources"][0].update(algorithm="md5"),
    "no digest": lambda body: body["predicate"]["resources"][0].update(digest="zz"),
    "no resources": lambda body: body["predicate"].update(resources={}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_signed_statement_that_is_wrong_is_refused(change: str, package: Package) -> None:
    payload = altered(CHANGES[change], package)
    signature = Signature(ANA.public.fingerprint, payload, ANA.sign(envelope(payload)))
    assert refusal(lambda: signature.check(package, ANA.public), ManifestError) == (
        "signature/format"
    )


def test_a_file_that_is_left_out_of_the_list_is_missed(package: Package) -> None:
    def drop(body: dict[str, Any]) -> None:
        kept = {n: d for n, d in signed_files(package).items() if n != "code.tar"}
        body["subject"][0]["digest"]["sha256"] = root(kept)
        listed = body["predicate"]["resources"]
        body["predicate"]["resources"] = [one for one in listed if one["name"] != "code.tar"]

    payload = altered(drop, package)
    signature = Signature(ANA.public.fingerprint, payload, ANA.sign(envelope(payload)))
    with pytest.raises(Refused, match=r"`code\.tar` differs"):
        signature.check(package, ANA.public)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"mediaType": "application/vnd.dev.sigstore.bundle.v0.1+json"}',
        b'{"a": 1, "a": 2}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_bundle_is_refused(content: bytes) -> None:
    assert refusal(lambda: Signature.from_bytes(content), ManifestError) == "signature/format"


class TestKeys:
    @pytest.mark.parametrize("passphrase", [None, "correct horse battery staple", "pässword ☂"])
    def test_survive_their_file(self, tmp_path: Path, passphrase: str | None) -> None:
        path = tmp_path / "ana.key"
        public = ANA.save(path, passphrase)
        assert path.stat().st_mode & 0o777 == 0o600
        assert PublicKey.load(public).fingerprint == ANA.public.fingerprint
        assert PrivateKey.load(path, passphrase).public.fingerprint == ANA.public.fingerprint

    def test_are_never_written_over(self, tmp_path: Path) -> None:
        ANA.save(tmp_path / "ana.key")
        with pytest.raises(UsageError) as caught:
            BEN.save(tmp_path / "ana.key")
        assert caught.value.code == "signature/key-exists"
        (tmp_path / "ben.key.pub").write_text("somebody else's")
        with pytest.raises(UsageError):
            BEN.save(tmp_path / "ben.key")
        assert not (tmp_path / "ben.key").exists()

    def test_need_their_passphrase(self, tmp_path: Path) -> None:
        path = tmp_path / "ana.key"
        ANA.save(path, "right")
        for wrong in (None, "", "wrong"):
            with pytest.raises(UsageError) as caught:
                PrivateKey.load(path, wrong)
            assert caught.value.code == "signature/passphrase"
        ANA.save(tmp_path / "open.key")
        assert PrivateKey.load(tmp_path / "open.key", "needless").public == ANA.public

    def test_of_every_curve_of_the_format_sign(self, package: Package, tmp_path: Path) -> None:
        for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
            path = tmp_path / f"{curve.name}.key"
            path.write_bytes(pem(ec.generate_private_key(curve)))
            key = PrivateKey.load(path)
            sign(package, key).check(package, key.public)

    def test_of_another_kind_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        for key in (
            rsa.generate_private_key(public_exponent=65537, key_size=2048),
            ec.generate_private_key(ec.SECP256K1()),
        ):
            path.write_bytes(pem(key))
            assert refusal(lambda: PrivateKey.load(path), UsageError) == "signature/key"
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            with pytest.raises(UsageError) as caught:
                PublicKey.parse(public, where="x")
            assert caught.value.code == "signature/key"

    @pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PUBLIC KEY-----\nAAAA\n"])
    def test_that_are_none_are_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "key"
        path.write_bytes(content)
        assert refusal(lambda: PublicKey.load(path), UsageError) == "signature/key"
        assert refusal(lambda: PrivateKey.load(path), UsageError) == "signature/key"

    def test_halves_are_not_mistaken(self, tmp_path: Path) -> None:
        public = ANA.save(tmp_path / "ana.key")
        with pytest.raises(UsageError) as caught:
            PublicKey.load(tmp_path / "ana.key")
        assert caught.value.hint == "a private key stays with its owner"
        with pytest.raises(UsageError) as caught:
            PrivateKey.load(public)
        assert caught.value.hint == "this is the public half"

    def test_that_are_not_there_are_missed(self, tmp_path: Path) -> None:
        assert refusal(lambda: PublicKey.load(tmp_path / "no"), NotFound) == "signature/no-key"
        assert "PrivateKey" in repr(ANA)
        assert "PRIVATE" not in repr(ANA)


def pem(key: Any) -> bytes:
    made: bytes = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made
