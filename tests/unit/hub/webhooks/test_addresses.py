from __future__ import annotations

import socket

import pytest

from ketch.errors import Refused, Unavailable, UsageError
from ketch.hub.webhooks.addresses import check_url, is_public, reachable


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.shop.example", "ftp://x", "file:///etc/passwd", "https://", "x", ""),
        *("https://user:secret@x", "https://x:99999", "https://x/\r\nHost: y", "https://x/é"),
        *("https://[::1", "https://x y", "gopher://x", "https://" + "x" * 2000),
    ],
)
def test_what_is_no_address_of_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as problem:
        check_url(url, private=False)
    assert problem.value.code == "hub/webhook"


@pytest.mark.parametrize(
    "url",
    [
        *("https://127.0.0.1", "https://localhost", "https://[::1]/x", "https://0x7f000001"),
        *("https://2130706433", "https://127.1", "https://169.254.169.254/latest/meta-data"),
        "https://[::ffff:127.0.0.1]",
    ],
)
def test_an_address_inside_is_reached_only_when_somebody_allowed_it(url: str) -> None:
    with pytest.raises(Refused) as refused:
        reachable(check_url(url, private=False), private=False)
    assert refused.value.code == "hub/private-address"
    address, port = reachable(check_url(url, private=True), private=True)
    assert not is_public(address)
    assert port == 443


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in ("1.1.1.1", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with pytest.raises(Refused):
        reachable(check_url("https://hooks.shop.example", private=False), private=False)


def test_a_name_that_means_nothing_may_mean_something_later() -> None:
    with pytest.raises(Unavailable) as problem:
        reachable(check_url("https://no.such.name.invalid", private=False), private=False)
    assert problem.value.code == "hub/no-address"
