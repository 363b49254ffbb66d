"""What a request names: the path and the query of its first line."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from ketch.errors import UsageError
from ketch.serving.http.refusals import framing


def split_target(target: bytes, headers: dict[str, str]) -> tuple[str, str]:
    """Return path and query of a request; the path is decoded once.

    An address with a host, as proxies send it, sets ``Host`` (RFC 9112 §3.2.2).

    Raises:
        UsageError: ``request/framing``: it is none.

    >>> split_target(b"/shop?unit=4", {"host": "localhost"})
    ('/shop', 'unit=4')
    """
    try:
        text = target.decode("ascii")
    except UnicodeDecodeError:
        raise _wrong() from None
    if not text.startswith("/"):
        text = _of_absolute(text, headers)
    path, _, query = text.partition("?")
    if "%" in path:
        path = _decoded(path)
    if "#" in text or "\0" in path:
        raise _wrong()
    return path, query


def _of_absolute(text: str, headers: dict[str, str]) -> str:
    scheme, slashes, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    if scheme.lower() not in {"http", "https"} or not slashes or not host or "@" in host:
        raise _wrong()
    headers["host"], _, query = host.partition("?")
    return f"/{path}" if slash else f"/?{query}"


def _decoded(path: str) -> str:
    try:
        return unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise _wrong() from None


def _wrong() -> UsageError:
    return framing("expected a path such as `/shop` in the first line")
