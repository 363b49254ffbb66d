"""``ketch doctor``: check this machine and say what is missing."""

from __future__ import annotations

from ketch.cli.printer import Printer
from ketch.runtime import Home, examine
from ketch.store.home import home_path


def doctor(*, json: bool = False) -> int:
    """Check interpreters, uv, the sandbox and the ketch home on this machine.

    Args:
        json: Print one JSON value.
    """
    checks = examine(Home(home_path()))
    lines = []
    for check in checks:
        lines.append(f"{'✓' if check.ok else '✗'} {check.name}: {check.detail}")
        if not check.ok and check.hint:
            lines.append(f"    {check.hint}")
    Printer(as_json=json).show([check.to_json() for check in checks], "\n".join(lines))
    return 0 if all(check.ok or not check.required for check in checks) else 1
