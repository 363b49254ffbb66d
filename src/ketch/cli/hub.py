"""``ketch hub``: serve the registry and the bytes of its packages to a team."""

from __future__ import annotations

import json as json_text
from pathlib import Path

from cyclopts import App

from ketch.cli.hub_home import Names, needed, opened
from ketch.cli.hub_token import token
from ketch.cli.hub_webhook import webhook
from ketch.cli.printer import Printer
from ketch.registry.opening import person

hub = App(name="hub", help="Serve the registry and the bytes of its packages to a team.")
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
    accelerated: str | None = None,
    blob_gb: float | None = None,
    uploads_gb: float | None = None,
    reserve_gb: float | None = None,
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
        accelerated: Let nginx in front of it send the bytes: the path of its own under which
            it finds the blobs of the store.
        blob_gb: The largest file taken, in GB; 256 if nothing is said.
        uploads_gb: What all open uploads may hold together, in GB; 512 if nothing is said.
        reserve_gb: What uploads leave free of the disk, in GB; 0.1 if nothing is said.
        openapi: Print what its API takes and gives, as OpenAPI 3.1, and serve nothing.
        json: Print one JSON value.
    """
    needed("starlette")
    if openapi:
        from ketch.hub.openapi import document

        text = json_text.dumps(document(), indent=2)
        Printer(as_json=json).show(document(), text)
        return
    from ketch.hub.oci import Limits
    from ketch.hub.serve import serve as serve_hub
    from ketch.hub.settings import Settings

    settings = Settings(
        host,
        port,
        tls_cert,
        tls_key,
        behind_proxy,
        tuple(name or ()),
        uploads=Limits.of(blob_gb=blob_gb, uploads_gb=uploads_gb, reserve_gb=reserve_gb),
        accelerated=accelerated,
    )
    printer = Printer(as_json=json)

    with opened(home) as inside:

        def listening(url: str) -> None:
            printer.show({"listening": url}, f"the hub listens at {url}")
            if not inside.tokens.exist():
                printer.say(
                    f"everybody on this machine is {person()} there, until there is a token"
                )

        serve_hub(inside, settings, person=person(), listening=listening)
