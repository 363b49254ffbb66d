"""``ketch hub token``: let people in, and out."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from ketch.cli.hub_home import Names, opened, table
from ketch.cli.printer import Printer
from ketch.registry.opening import person

token = App(name="token", help="Let people in, and out.")


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
    text = table(lines) or "no tokens yet; `ketch hub token create NAME` makes one"
    Printer(as_json=json).show({"tokens": [one.to_json() for one in found]}, text)


@token.command(name="revoke")
def revoke(token: str, /, *, home: Path | None = None, json: bool = False) -> None:
    """End a token at once.

    Args:
        token: Its id, as `ketch hub token list` shows it first; not a person's name.
        home: The folder of the hub; `hub` in the ketch home.
        json: Print one JSON value.
    """
    with opened(home) as inside:
        ended = inside.tokens.revoke(token, by=person())
    text = f"the token {ended.id} of {ended.identity.person} is revoked"
    Printer(as_json=json).show(ended.to_json(), text)
