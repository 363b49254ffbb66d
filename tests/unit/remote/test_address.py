"""Addresses: what is read, what is refused, and what is suggested."""

from __future__ import annotations

import pytest

from ketch.errors import UsageError
from ketch.package import Digest
from ketch.remote import Address, Scheme
from ketch.remote.connect import base_url

DIGEST = f"sha256:{'ab' * 32}"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("oci://registry.example/shop", Address(Scheme.OCI, "registry.example", "shop")),
        (
            "oci://127.0.0.1:5000/team/a/shop:1.0.0",
            Address(Scheme.OCI, "127.0.0.1:5000", "team/a/shop", tag="1.0.0"),
        ),
        (
            f"oci://[::1]:5000/shop@{DIGEST}",
            Address(Scheme.OCI, "[::1]:5000", "shop", digest=Digest.parse(DIGEST)),
        ),
        ("s3://bucket", Address(Scheme.S3, "bucket")),
        ("s3://bucket/a/b=1", Address(Scheme.S3, "bucket", "a/b=1")),
        ("gs://bucket/shop:1.0", Address(Scheme.GS, "bucket", name="shop", tag="1.0")),
        (
            f"az://bucket/prefix/shop@{DIGEST}",
            Address(Scheme.AZ, "bucket", "prefix", "shop", digest=Digest.parse(DIGEST)),
        ),
        ("https://hub.example", Address(Scheme.HTTPS, "hub.example")),
        ("http://127.0.0.1:80/shop:1", Address(Scheme.HTTP, "127.0.0.1:80", name="shop", tag="1")),
    ],
)
def test_an_address_is_read_and_written_back(text: str, address: Address) -> None:
    assert Address.parse(text) == address
    assert str(address) == text
    assert Address.parse(f"{text}/") == address or address.tag or address.digest
    assert address.place == Address.parse(str(address.place))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("docker://registry.example/a/b:1", "did you mean `oci://registry.example/a/b:1`?"),
        ("registry.example/a/b:1", "did you mean `oci://registry.example/a/b:1`?"),
        ("localhost:5000/shop", "did you mean `oci://localhost:5000/shop`?"),
        ("oci:/host/shop", "did you mean `oci://host/shop`?"),
        ("S3:/bucket/x", "did you mean `s3://bucket/x`?"),
        ("oic://host/shop", "did you mean `oci://host/shop`?"),
        ("OCI://host/shop", "did you mean `oci://host/shop`?"),
        ("gcs://bucket", "did you mean `gs://bucket`?"),
        ("abfss://bucket/x", "did you mean `az://bucket/x`?"),
        ("oci://host/Team/Shop:1", "did you mean `oci://host/team/shop:1`?"),
        ("https://hub.example/v2/shop", "did you mean `https://hub.example`?"),
        ("https://hub.example/Shop:1", "did you mean `shop`?"),
        ("shop:1.0.0", None),
        ("", None),
    ],
)
def test_a_near_miss_is_told(text: str, hint: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert (caught.value.code, caught.value.hint) == ("remote/address", hint)


@pytest.mark.parametrize(
    "text",
    [
        "oci://host",
        "oci://host/",
        "oci:///shop",
        "oci://host//shop",
        "oci://host/../shop",
        "oci://host/shop:",
        "oci://host/shop:1+2",
        "oci://host/shop:-1",
        "oci://host/shop@sha256:12",
        "oci://host/shop@sha512:" + "a" * 128,
        "oci://host/shop?x=1",
        "oci://host/shop#x",
        "oci://host/sh\x1bop",
        "oci://ho st/shop",
        "oci://host:port/shop",
        "oci://host/" + "a" * 300,
        "oci://hôst/shop",
        "s3://Bucket/x",
        "s3://b/x",
        "s3://bucket/../x",
        "s3://bucket/a//b",
        "s3://bucket/./b",
        "s3://bucket/a%2Fb",
        "https://hub.example/a/b:1",
        "x" * 600 + "://y",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(text)
    assert caught.value.code == "remote/address"
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["oci", "https", "s3"])
def test_credentials_in_an_address_are_refused_and_not_repeated(scheme: str) -> None:
    with pytest.raises(UsageError) as caught:
        Address.parse(f"{scheme}://ann:secret@host.example/shop")
    assert "secret" not in str(caught.value)
    assert caught.value.hint == "credentials do not belong into an address"


@pytest.mark.parametrize(
    ("host", "listed", "url"),
    [
        ("registry.example", "", "https://registry.example"),
        ("registry.example:5000", "", "https://registry.example:5000"),
        ("localhost:5000", "", "http://localhost:5000"),
        ("127.0.0.1", "", "http://127.0.0.1"),
        ("[::1]:5000", "", "http://[::1]:5000"),
        ("127.0.0.1.example", "", "https://127.0.0.1.example"),
        ("registry.example:5000", "registry.example:5000", "http://registry.example:5000"),
        ("registry.example:5000", "other, registry.example", "http://registry.example:5000"),
        ("registry.example:5001", "registry.example:5000", "https://registry.example:5001"),
        ("evil-registry.example", "registry.example", "https://evil-registry.example"),
    ],
)
def test_http_is_for_this_machine_and_for_what_is_listed(host: str, listed: str, url: str) -> None:
    address = Address(Scheme.OCI, host, "shop")
    assert base_url(address, {"KETCH_OCI_INSECURE": listed}) == url
