"""The log of what serves others: one JSON object a line, on standard error, without secrets.

What others wrote (paths, names) stands in it escaped as JSON has it, so that no line can
pretend to be another and no terminal is told what to do.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime

from ketch.errors import KetchError

LONGEST = 500
LONGEST_TRACE = 4_000

log = logging.getLogger("ketch")
_OTHERS = ("uvicorn.error", "asyncio")


class Lines(logging.Formatter):
    """Writes a record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "says": record.getMessage()[:LONGEST],
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            said["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(said, ensure_ascii=True, default=str)


def start() -> None:
    """Send what ketch and the libraries under it log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for logger in (log, *map(logging.getLogger, _OTHERS)):
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO if logger is log else logging.WARNING)


def told(says: str, *, level: int = logging.INFO, trace: str = "", **facts: object) -> None:
    """Log what happened, with facts by name; of a traceback the end, which says most."""
    short = {
        name: value[:LONGEST] if isinstance(value, str) else value for name, value in facts.items()
    }
    if trace:
        short["traceback"] = trace[-LONGEST_TRACE:]
    log.log(level, says, extra={"facts": short})


def trace_of(error: BaseException) -> str:
    """Return where a fault of ours was; nothing for what is raised on purpose, or by the system."""
    if isinstance(error, KetchError | OSError):
        return ""
    return "".join(traceback.format_exception(error))
