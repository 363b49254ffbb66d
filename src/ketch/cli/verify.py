"""``ketch verify``: prove again that a package behaves as it promises."""

from __future__ import annotations

from pathlib import Path

from ketch.authoring import Options, prove
from ketch.cli.printer import Printer
from ketch.cli.verification import report_text
from ketch.files import check_place, write_whole


def verify(
    package: str = ".",
    /,
    *,
    signed_by: tuple[Path, ...] = (),
    junit: Path | None = None,
    offline: bool = False,
    json: bool = False,
) -> int:
    """Run a package's contract in its own environment.

    Args:
        package: A package folder, an archive, or a reference such as `shop:1.0.0` or
            `shop@prod`.
        signed_by: First demand a good signature by this public key, such as `ana.pub`; may
            be given several times, and each must have signed.
        junit: Also write the result as JUnit XML to this file.
        offline: Use only libraries and interpreters that lie on this machine.
        json: Print one JSON value.
    """
    printer = Printer(as_json=json)
    if junit is not None:
        check_place(junit)  # before the work, not after it
    signed: tuple[tuple[Path, str], ...] = ()
    if signed_by:
        from ketch.cli.signers import demand  # keys that few bring

        signed = demand(package, signed_by)
    with printer.progress() as progress:
        report = prove(package, options=Options(offline=offline), progress=progress)
    if junit is not None:
        from ketch.verify import junit_xml  # XML that few ask for

        write_whole(junit, junit_xml(report))
    value = report.to_json()
    if signed:
        value["signed_by"] = [{"key": str(path), "fingerprint": seal} for path, seal in signed]
    lines = [f"signed by {path} ({seal[:16]})" for path, seal in signed]
    printer.show(value, "\n".join([report_text(report), *lines]))
    return 0 if report.passed else 1
