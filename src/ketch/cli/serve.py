"""``ketch serve``: answer HTTP with packages, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ketch.cli.printer import Printer
from ketch.errors import UsageError
from ketch.runtime import Home
from ketch.serving.http.gate import Gate
from ketch.serving.http.keeper import Start, keep
from ketch.serving.http.listener import Listener
from ketch.serving.http.tokens import Tokens
from ketch.serving.settings import (
    DEADLINE_S,
    KEEP_DAYS,
    MOST_ROWS,
    PATIENCE_S,
    PackageSettings,
    Settings,
)

if TYPE_CHECKING:
    import ssl

    from ketch.serving.routes.table import Table

OPEN = ("/livez", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready")
"""What is answered without a token: whether it lives, and nothing else."""


def serve(
    *packages: str,
    host: str = "127.0.0.1",
    port: int = 8424,
    stage: Literal["staging"] | None = None,
    workers: int | None = None,
    memory_mb: float | None = None,
    deadline_s: float = DEADLINE_S,
    max_rows: int = MOST_ROWS,
    patience_s: float = PATIENCE_S,
    settings: Path | None = None,
    name: Annotated[list[str] | None, Parameter(negative=())] = None,
    token_file: Path | None = None,
    anyone: bool = False,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    shadow: Annotated[bool, Parameter(negative="--no-shadow")] = True,
    log_decisions: Annotated[bool, Parameter(negative="--no-log-decisions")] = True,
    durable: bool = False,
    keep_days: int = KEEP_DAYS,
    keep_rows_days: int | None = None,
    decisions_to: str | None = None,
    unit_key: Path | None = None,
    guard: Annotated[bool, Parameter(negative="--no-guard")] = True,
    offline: bool = False,
    json: bool = False,
) -> None:
    """Answer HTTP with packages until it is told to stop.

    Args:
        packages: References such as `shop:1.0.0`, each served on its own route; without
            any, the registry is followed, and every route served as it says.
        host: Where it listens; beyond this machine it wants tokens.
        port: The port; 0 takes one that is free.
        stage: `staging` serves what stands at staging, under the live addresses.
        workers: How many processes answer for a package; by default as many as the load
            asks for.
        memory_mb: Most memory of one of them, in megabytes.
        deadline_s: How long a request may take, in seconds.
        max_rows: Most rows that a package gets at once from several requests; 1 asks each
            request alone.
        patience_s: A request that would wait longer for its turn, in seconds, is refused
            at once.
        settings: A TOML file with settings for single packages.
        name: A name by which it is addressed, beside its address; any number of them.
        token_file: Who may ask: a line `sha256:<64 hex digits> NAME` for each token.
        anyone: Whoever reaches it may ask, also from other machines.
        tls_cert: Its certificate, in PEM form.
        tls_key: The key of the certificate, in PEM form.
        shadow: Ask what stands at staging, too, what callers ask; `--no-shadow` does not.
        log_decisions: Write every answer to the decision log; `--no-log-decisions` does not.
        durable: Let no answer leave before its decision is on the disk.
        keep_days: How long decisions and outcomes are kept, in days.
        keep_rows_days: How long their inputs and outputs are kept, in days; without it, as long.
        decisions_to: A bucket that decisions are sent to as well, such as `s3://BUCKET/PREFIX`.
        unit_key: A file with the key that units are hashed with, the same for all gateways of
            a route: 64 hexadecimal digits.
        guard: Watch rollouts, as `ketch guard` does; `--no-guard` leaves that to another.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    asked = Settings(
        packages,
        staging=stage is not None,
        common=PackageSettings(workers, memory_mb, deadline_s, max_rows, patience_s),
        shadow=shadow,
        log_decisions=log_decisions,
        durable=durable,
        keep_days=keep_days,
        keep_rows_days=keep_rows_days,
        decisions_to=decisions_to,
        unit_key=unit_key,
        guard=guard,
        offline=offline,
    ).checked()
    asked = asked if settings is None else asked.read(settings)
    listener = Listener.open(host, port)
    tokens = None if token_file is None else Tokens.read(token_file)
    listener.check_exposure(has_tokens=tokens is not None, anyone=anyone)
    gate = Gate(
        (host, *(name or ())),
        any_address=not listener.is_private,
        tokens=tokens,
        open_paths=OPEN,
    )
    tls = _tls(tls_cert, tls_key)
    printer = Printer(as_json=json)

    def read_again() -> None:
        if token_file is not None:
            gate.tokens = Tokens.read_again(token_file)
        if tls is not None and tls_cert is not None:
            _tls(tls_cert, tls_key)  # first apart: half of a new pair would leave none
            tls.load_cert_chain(tls_cert, tls_key)

    def run(start: Start) -> int:
        from ketch.serving.serve import Front, serve  # once it is known that it can listen

        def ready(url: str, table: Table) -> None:
            start.is_ready()
            if not start.count:
                printer.show({"listening": url}, _where(url, table))

        files = [file for file in (token_file, tls_cert, tls_key) if file is not None]
        front = Front(listener, gate, tls=tls, files=files, read_again=read_again)
        serve(Home.default(), asked, front, ready=ready)
        return 0

    status = run(listener.start) if listener.is_held else keep(run, listener.sockets)
    if status:
        raise SystemExit(status)


def _where(url: str, table: Table) -> str:
    """Return where it answers, in words: the address, and the path of every route."""
    routes = [
        f"  /{name}  {'does not answer yet' if one.contract is None else one.contract.reference}"
        for name, one in sorted(table.items())
    ]
    none = "  no route yet: it follows the registry, and `ketch promote` makes one"
    return "\n".join((f"ketch answers at {url}", *(routes or (none,))))


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is not None and key is not None:
        from ketch.serving.http.tls import tls_context  # which few gateways need

        return tls_context(certificate, key)
    if certificate is None and key is None:
        return None
    raise UsageError("expected `--tls-cert` and `--tls-key` together", code="serve/tls")
