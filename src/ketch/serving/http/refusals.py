"""What is said of bytes that are no request, or too much of one."""

from __future__ import annotations

from ketch.errors import Unavailable, UsageError


def framing(message: str) -> UsageError:
    """Return that the bytes are no request, or could be read in two ways."""
    return UsageError(message, code="request/framing")


def too_large(most: int) -> UsageError:
    """Return that a body is too long."""
    return UsageError(
        f"expected a body of at most {most} bytes, found a longer one", code="request/too-large"
    )


def long_head(most: int) -> UsageError:
    """Return that a head is too long."""
    return UsageError(
        f"expected headers of at most {most} bytes together, found more",
        code="request/headers-too-large",
    )


def crowded() -> Unavailable:
    """Return that others send so much that this must wait."""
    return Unavailable("too many large requests are being read", code="serve/busy")
