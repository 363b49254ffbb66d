"""Other servers than those of the clouds, as settings name them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from ketch.errors import UsageError
from ketch.remote.address import Scheme
from ketch.remote.replies import bare, is_loopback

_ENDPOINTS: Mapping[Scheme, Sequence[str]] = {
    Scheme.S3: ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"),
    Scheme.GS: ("GOOGLE_BASE_URL",),
    Scheme.AZ: ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The variables that the library for object stores reads."""


def is_plain(scheme: Scheme) -> bool:
    """Whether an object store is spoken to over http.

    That is so where its endpoint says it, and is on this machine, or ``AWS_ALLOW_HTTP``
    allows it elsewhere.

    Raises:
        UsageError: ``remote/address``: it is on another machine, and nobody allowed that.
    """
    named = filter(None, map(os.environ.get, _ENDPOINTS[scheme]))
    plain = [endpoint for endpoint in named if urlsplit(endpoint).scheme == "http"]
    is_allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true", "yes"}
    for endpoint in plain:
        if not (is_allowed or is_loopback(urlsplit(endpoint).hostname or "")):
            raise UsageError(
                f"expected an endpoint `https://…`, found `{bare(endpoint)[:200]}`",
                code="remote/address",
                hint="`AWS_ALLOW_HTTP=true` lets credentials and content go there in the open",
            )
    return bool(plain)
