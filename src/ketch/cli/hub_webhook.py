"""``ketch hub webhook``: tell other programs what happens."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from ketch.cli.hub_home import Names, opened, table
from ketch.cli.printer import Printer

webhook = App(name="webhook", help="Tell other programs what happens.")


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
    text = table(lines) or "no webhooks yet; `ketch hub webhook add URL` makes one"
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
