"""Where the credentials of registries lie: where other tools keep theirs.

Of a Docker configuration only ``auths`` is read: no helper program is started. The first of
these that is set counts: ``DOCKER_AUTH_CONFIG`` (the file's content), ``REGISTRY_AUTH_FILE``
(its path), ``DOCKER_CONFIG`` (its folder); else ``~/.docker/config.json``.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path

from ketch.errors import UsageError
from ketch.files import read_file
from ketch.remote.auth import Basic
from ketch.schema.parse import parse_json

_LONGEST = 1024 * 1024


def login_for(
    host: str, repository: str = "", environ: Mapping[str, str] | None = None
) -> Basic | None:
    """Return the name and password for a registry, if there are any.

    Args:
        host: The registry, with its port if it has one.
        repository: Some tools keep credentials for a part of a registry.
        environ: The environment; this process's by default.

    Raises:
        UsageError: ``remote/credentials``: the configuration can not be read.
    """
    text, where = _configuration(os.environ if environ is None else environ)
    body = parse_json(text, where=where) if text.strip() else {}
    auths = body.get("auths") if isinstance(body, dict) else None
    if not isinstance(auths, dict):
        return None
    known = {_bare(key): entry for key, entry in auths.items()}
    for place in _places(host, repository):
        if place in known:
            return _login(known[place], f"{where}: auths.{place}")
    return None


def _configuration(environ: Mapping[str, str]) -> tuple[bytes, str]:
    if given := environ.get("DOCKER_AUTH_CONFIG"):
        return given.encode(), "DOCKER_AUTH_CONFIG"
    named = environ.get("REGISTRY_AUTH_FILE")
    folder = environ.get("DOCKER_CONFIG")
    path = Path(named) if named else Path(folder or "~/.docker").expanduser() / "config.json"
    try:
        return read_file(path, most=_LONGEST), str(path)
    except FileNotFoundError:
        return b"", str(path)
    except OSError as error:
        raise UsageError(
            f"expected a file that can be read, found: {error.strerror}",
            code="remote/credentials",
            where=str(path),
        ) from error


def _places(host: str, repository: str) -> list[str]:
    """Return the keys to look for, the most exact first."""
    parts = [host, *repository.split("/")] if repository else [host]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _bare(key: str) -> str:
    """Return a key without scheme and API version, as older tools write them."""
    bare = key.partition("://")[2] or key
    return bare.removesuffix("/").removesuffix("/v1").removesuffix("/v2")


def _login(entry: object, where: str) -> Basic | None:
    if not isinstance(entry, dict):
        raise _unreadable(where)
    user, password, both = entry.get("username"), entry.get("password"), entry.get("auth")
    if isinstance(user, str) and isinstance(password, str):
        return Basic(user, password)
    if not isinstance(both, str) or not both:
        return None  # a helper program keeps it
    try:
        user, _, password = base64.b64decode(both, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _unreadable(where) from error
    return Basic(user, password)


def _unreadable(where: str) -> UsageError:
    return UsageError(
        "expected `auth` to be a name and a password in base64",
        code="remote/credentials",
        where=where,
        hint="log in again with the tool that wrote it",
    )
