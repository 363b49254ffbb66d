"""The way to a hub."""

from __future__ import annotations

from ketch.registry.hub.credentials import hub_url, token_for
from ketch.remote.auth import Bearer
from ketch.remote.http import Session


def connect(url: str, *, token: str | None = None) -> Session:
    """Return a session with a hub, with the token that is known for it.

    Args:
        url: Its address.
        token: Another token than the one that is known.
    """
    found = token or token_for(url)
    return Session(hub_url(url), auth=None if found is None else Bearer(found))
