"""``ketch hub``: serve the registry and the bytes of its packages to a team."""

from __future__ import annotations

import json as json_text
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Parameter

from ketch.cli.printer import Printer
from ketch.errors import KetchError, UsageError
from ketch.registry.opening import person
from ketch.runtime import Home
from ketch.store.home import REGISTRY

if TYPE_CHECKING:
    from ketch.hub.inside import Inside

T = TypeVar("T")
Names = Annotated[list[str] | None, Parameter(negative="", consume_multiple=True)]

hub = App(name="hub", help="Serve the registry and the bytes of its packages to a team.")
token = App(name="token", help="Let people in, and out.")
webhook = App(name="webhook", help="Tell other programs what happens.")
hub.command(token)
hub.command(webhook)


@hub.default
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8423,
    home: Path | None = None,
    name: Names = None,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    behind_proxy: bool = False,
    openapi: bool = False,
    json: bool = False,
) -> None:
    """Serve a hub until it is told to stop.

    Args:
        host: Where it listens; beyond this machine it wants tokens and TLS.
        port: The port; 0 takes one that is free.
        home: Its folder, with a store and a registry of its own; `hub` in the ketch home.
        name: A name by which it is addressed, beside its address; any number of them.
        tls_cert: Its certificate, in PEM form.
        tls_key: The key of the certificate, in PEM form.
        behind_proxy: A proxy in front of it ends TLS.
        openapi: Print what its API takes and gives, as OpenAPI 3.1, and serve nothing.
        json: Print one JSON value.
    """
    needed("starlette")
    if openapi:
        from ketch.hub.openapi import document

        text = json_text.dumps(document(), indent=2)
        Printer(as_json=json).show(document(), text)
        return
    from ketch.hub.serve import Settings
    from ketch.hub.serve import serve as serve_hub

    settings = Settings(host, port, tls_cert, tls_key, behind_proxy, tuple(name or ()))

    def listening(url: str) -> None:
        Printer(as_json=json).show({"listening": url}, f"the hub listens at {url}")
        sys.stdout.flush()  # a log file would keep it for later

    with opened(home) as inside:
        serve_hub(inside, settings, person=person(), listening=listening)


@token.command(name="create")
def create(
    name: str,
    /,
    *,
    role: str = "viewer",
    packages: Names = None,
    days: int | None = None,
    home: Path | None = None,
    json: bool = False,
) -> None:
    """Make a token for somebody; it is printed once, and kept nowhere.

    Args:
        name: Who stands in the history for what is done with it.
        role: `viewer`, `publisher`, `approver`, `operator` or `admin`.
        packages: Only for packages with these names; `shop*` is a beginning.
        days: How long it holds; without it, until it is revoked.
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    from ketch.hub.access import Identity, Role, patterns

    covered = None if packages is None else patterns(packages)
    identity = Identity(name, Role.parse(role), covered)
    with opened(home) as inside:
        known, text = inside.tokens.create(identity, by=person(), days=days)
    Printer(as_json=json).show({"token": text, **known.to_json()}, text)


@token.command(name="list")
def list_tokens(*, home: Path | None = None, json: bool = False) -> None:
    """Show who was let in: never the tokens themselves.

    Args:
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    with opened(home) as inside:
        found = inside.tokens.listed()
    lines = [
        (
            one.id,
            one.identity.person,
            str(one.identity.role),
            "all packages" if one.identity.packages is None else " ".join(one.identity.packages),
            "revoked" if one.revoked else f"until {one.expires:%Y-%m-%d}" if one.expires else "",
        )
        for one in found
    ]
    text = _table(lines) or "no tokens yet; `ketch hub token create NAME` makes one"
    Printer(as_json=json).show({"tokens": [one.to_json() for one in found]}, text)


@token.command(name="revoke")
def revoke(token: str, /, *, home: Path | None = None, json: bool = False) -> None:
    """End a token at once.

    Args:
        token: Its name, as `ketch hub token list` shows it.
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    with opened(home) as inside:
        ended = inside.tokens.revoke(token, by=person())
    text = f"the token {ended.id} of {ended.identity.person} is revoked"
    Printer(as_json=json).show(ended.to_json(), text)


@webhook.command(name="add")
def add(
    url: str,
    /,
    *,
    kinds: Names = None,
    private: bool = False,
    home: Path | None = None,
    json: bool = False,
) -> None:
    """Tell a program of events from now on; the secret that signs them is printed once.

    Args:
        url: Where it is told.
        kinds: Of which events, such as `promoted rolled-back`; without it, of all.
        private: It may be in the hub's own network, and without TLS.
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    from ketch.hub.webhooks import Webhooks

    with opened(home) as inside:
        made = Webhooks(inside.database).add(url, kinds=tuple(kinds or ()), private=private)
    Printer(as_json=json).show({**made.to_json(), "secret": made.secret}, made.secret)


@webhook.command(name="list")
def list_webhooks(*, home: Path | None = None, json: bool = False) -> None:
    """Show which programs are told of events, and who does not listen.

    Args:
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    from ketch.hub.webhooks import Webhooks

    with opened(home) as inside:
        found = Webhooks(inside.database).listed()
    lines = [
        (one.id, one.url, f"event {one.position}", f"failed: {one.failed}" if one.failed else "")
        for one in found
    ]
    text = _table(lines) or "no webhooks yet; `ketch hub webhook add URL` makes one"
    Printer(as_json=json).show({"webhooks": [one.to_json() for one in found]}, text)


@webhook.command(name="remove")
def remove(webhook: str, /, *, home: Path | None = None, json: bool = False) -> None:
    """Tell a program no more.

    Args:
        webhook: Its name, as `ketch hub webhook list` shows it.
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    from ketch.hub.webhooks import Webhooks

    with opened(home) as inside:
        gone = Webhooks(inside.database).remove(webhook)
    Printer(as_json=json).show(gone.to_json(), f"{gone.url} is told no more")


@contextmanager
def opened(home: Path | None) -> Iterator[Inside]:
    """Yield the parts of the hub in a folder."""
    from ketch.hub.inside import opened as open_parts

    folder = Home.default().path / "hub" if home is None else home.absolute()
    url = os.environ.get(REGISTRY)
    if url is not None and not url.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise UsageError(
            f"expected a database in {REGISTRY} of a hub, found `{url[:60]}`",
            code="registry/address",
            hint=f"unset {REGISTRY}, or name a `postgresql://…`",
        )
    with open_parts(folder, url) as inside:
        yield inside


def needed(module: str) -> None:
    """Return when a library of the extra is there.

    Raises:
        KetchError: ``hub/not-installed``.
    """
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise KetchError(
            f"a hub needs {module}", code="hub/not-installed", hint="pip install 'ketch[hub]'"
        )


def _table(rows: Sequence[Sequence[str]]) -> str:
    from ketch.runtime.failures import printable

    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in shown]
    return "\n".join(lines)
