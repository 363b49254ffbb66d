"""The tokens of this person, one a hub, in a file that nobody else can read."""

from __future__ import annotations

import json
import os
import secrets
import stat
from pathlib import Path

import platformdirs

from ketch.errors import UsageError
from ketch.files import explained
from ketch.remote.replies import bare, origin
from ketch.schema.parse import parse_json
from ketch.store.home import named_hub

TOKEN = "KETCH_TOKEN"  # noqa: S105 # the name of a variable
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_MOST_BYTES = 1024 * 1024


def hub_url(text: str) -> str:
    """Return the address of a hub in its one form: scheme, host, and port if it is unusual.

    Raises:
        UsageError: ``remote/address``: it is none; ``hub/plain-http``: a token would be
            sent in the open.
    """
    scheme, host, port = origin(text)
    if text.rstrip("/").count("/") > 2:
        raise UsageError(
            f"expected `{scheme}://HOST` of a hub, found `{bare(text)[:200]}`",
            code="remote/address",
        )
    if scheme == "http" and host not in _LOOPBACK:
        raise UsageError(
            f"expected `https://{host}`, for a token would be sent in the open, found `http`",
            code="hub/plain-http",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")


def token_for(url: str) -> str | None:
    """Return the token for a hub: ``KETCH_TOKEN``, else the one that was kept.

    The variable is for the hub that this person works with; no other is told it.
    """
    own = named_hub()
    said = os.environ.get(TOKEN) if own and hub_url(own) == hub_url(url) else None
    return said or _read().get(hub_url(url))


def keep(url: str, token: str) -> Path:
    """Keep the token for a hub, in place of the one before; return the file."""
    path = _path()
    known = {**_read(), hub_url(url): token}
    with explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, 0o600), "w") as file:
            json.dump(known, file, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    return path


def _path() -> Path:
    return platformdirs.user_config_path("ketch") / "tokens.json"


def _read() -> dict[str, str]:
    path = _path()
    if not path.exists():
        return {}
    with explained(path), path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        content = file.read(_MOST_BYTES)
    if mode & 0o077:
        raise UsageError(
            f"expected a file that nobody else can read, found one of mode `{mode:04o}`",
            code="hub/token-file",
            where=str(path),
            hint=f"chmod 600 {path}",
        )
    known = parse_json(content, where=str(path))
    if not isinstance(known, dict):
        raise UsageError(
            "expected tokens by the address of their hub, found something else",
            code="hub/token-file",
            where=str(path),
            hint="remove the file, and `ketch login` again",
        )
    return {str(address): str(token) for address, token in known.items()}
