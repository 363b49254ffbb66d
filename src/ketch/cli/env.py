"""``ketch env``: show or clean up the environments of packages."""

from __future__ import annotations

from cyclopts import App

from ketch.cli.printer import Printer
from ketch.cli.text import counted, size
from ketch.env import Collected, EnvironmentRecord
from ketch.runtime import Home, collect_unused_environments

env = App(name="env", help="Show or clean up the environments of packages.")


@env.command(name="list")
def list_environments(*, json: bool = False) -> None:
    """Show every environment: its Python, its libraries, its size, its last use.

    Args:
        json: Print one JSON value.
    """
    records = Home.default().environments.list()
    lines = [
        f"{one.key[:12]}  Python {one.python}  {one.packages:>3} {_libraries(one.packages):<9}  "
        f"{size(one.size_bytes):>9}  used {one.last_used:%Y-%m-%d %H:%M}"
        for one in records
    ]
    text = "\n".join(lines) or "no environments yet; verifying a package makes one"
    Printer(as_json=json).show([_record(one) for one in records], text)


@env.command(name="gc")
def collect(*, dry_run: bool = False, json: bool = False) -> None:
    """Remove environments that no package in the store needs.

    What was used within the hour stays. Every environment can be made again from its lock.

    Args:
        dry_run: Say what would be removed, and remove nothing.
        json: Print one JSON value.
    """
    collected = collect_unused_environments(Home.default(), dry_run=dry_run)
    value = {
        "environments": list(collected.keys),
        "size_bytes": collected.size_bytes,
        "freed_bytes": collected.freed_bytes,
    }
    Printer(as_json=json).show(value, _collected(collected, "would free" if dry_run else "freed"))


def _collected(collected: Collected, done: str) -> str:
    if not collected.keys:
        return "nothing to remove: every environment is needed, or was used within the hour"
    shared = collected.size_bytes - collected.freed_bytes
    beside = f"; {size(shared)} of it is shared with uv's cache" if shared else ""
    what = f"{counted(len(collected.keys), 'environment')} of {size(collected.size_bytes)}"
    return f"{what}, {done} {size(collected.freed_bytes)}{beside}"


def _libraries(count: int) -> str:
    return "library" if count == 1 else "libraries"


def _record(one: EnvironmentRecord) -> dict[str, object]:
    return {
        "key": one.key,
        "lock": str(one.lock_digest),
        "python": one.python,
        "packages": one.packages,
        "size_bytes": one.size_bytes,
        "last_used": one.last_used.isoformat(),
    }
