"""Digests, written one way only."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.errors import ManifestError
from ketch.package import Digest

HEX = "0123456789abcdef" * 4


@given(st.binary(max_size=64))
def test_a_digest_survives_printing_and_parsing(content: bytes) -> None:
    digest = Digest.of(content)
    assert digest.hex == hashlib.sha256(content).hexdigest()
    assert Digest.parse(str(digest)) == digest


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"sha256:{HEX}\n",
        f" sha256:{HEX}",
        f"sha256-{HEX}",
        f"sha512:{HEX}{HEX}",
        f"md5:{HEX[:32]}",
        f"sha256:{HEX[:-1]}g",
        f"sha256:{HEX[:-2]}\u0660\u0661",
        f"sha256:../{HEX[3:]}",
        f"sha256:{HEX[:-1]}\0",
        "x" * 1_000_000,
    ],
)
def test_anything_else_is_no_digest(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Digest.parse(text, where="manifest: layers[0].digest")
    assert caught.value.code == "package/digest-syntax"
    assert caught.value.where == "manifest: layers[0].digest"
    assert len(caught.value.message) < 250
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("value", [None, 3, b"sha256:", ["sha256:"], {}])
def test_what_is_no_text_is_no_digest(value: object) -> None:
    with pytest.raises(ManifestError):
        Digest.parse(value)  # type: ignore[arg-type] # as a careless caller would


def test_people_see_twelve_digits() -> None:
    assert Digest(HEX).short == "0123456789ab"
