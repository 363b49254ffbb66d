"""Where a webhook may be: not inside the hub's own network, unless somebody allowed it.

A name is looked up once, every address it has is checked, and the connection is made to
an address that was checked: what the name means a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import SplitResult, urlsplit

from ketch.errors import Refused, Unavailable, UsageError
from ketch.package.paths import printable

LONGEST = 2_000


def check_url(url: str, *, private: bool) -> SplitResult:
    """Return the parts of a URL that events may be sent to.

    Raises:
        UsageError: ``hub/webhook``: it is none, or would send them in the open.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise _wrong(url) from error
    plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    schemes = ("https", "http") if private else ("https",)
    if not plain or parts.scheme not in schemes or not host or "@" in parts.netloc:
        raise _wrong(url)
    return parts


def reachable(parts: SplitResult, *, private: bool) -> tuple[str, int]:
    """Return the address and port to connect to.

    Raises:
        Refused: ``hub/private-address``: it is inside the hub's own network.
        Unavailable: ``hub/no-address``: the name means nothing now.
    """
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"no address of `{host}`", code="hub/no-address") from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not private and not all(map(is_public, addresses)):
        raise Refused(
            f"expected a public address of `{host}`, found `{addresses[0]}`",
            code="hub/private-address",
            hint="`ketch hub webhook add --private` allows it",
        )
    return addresses[0], port


def is_public(address: str) -> bool:
    """Whether an address belongs to everybody's internet."""
    found: ipaddress.IPv4Address | ipaddress.IPv6Address
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inner:
            found = inner
        elif found in _NAT64:
            found = ipaddress.IPv4Address(found.packed[-4:])
    return found.is_global and not found.is_multicast and not found.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _wrong(url: str) -> UsageError:
    return UsageError(
        f"expected an address such as `https://hooks.shop.example/ketch`, "
        f"found `{printable(url, 100)}`",
        code="hub/webhook",
        hint="without TLS, or inside the hub's own network: `ketch hub webhook add --private`",
    )
