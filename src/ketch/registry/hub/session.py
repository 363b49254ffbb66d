"""The way to a hub."""

from __future__ import annotations

from ketch.registry.hub.credentials import hub_url, token_for
from ketch.remote.auth import Bearer
from ketch.remote.connect import ca_file
from ketch.remote.http import Patience, Session


def connect(url: str, *, token: str | None = None, patience: Patience | None = None) -> Session:
    """Return a session with a hub, with the token that is known for it.

    Args:
        url: Its address.
        token: Another token than the one that is known.
        patience: How long it waits, and how often it tries.
    """
    found = token or token_for(url)
    auth = None if found is None else Bearer(found)
    return Session(hub_url(url), auth=auth, ca_file=ca_file(), patience=patience or Patience())
