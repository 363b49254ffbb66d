"""ketch: model packages a business can trust."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ketch.authoring import init, pack, prove, record
    from ketch.client import Client, Prediction
    from ketch.errors import (
        DigestMismatch,
        Finding,
        KetchError,
        ManifestError,
        NotFound,
        PackageCodeError,
        PackageError,
        Refused,
        Unavailable,
        UsageError,
    )
    from ketch.runtime import Predictor, load

__all__ = [
    "Client",
    "DigestMismatch",
    "Finding",
    "KetchError",
    "ManifestError",
    "NotFound",
    "PackageCodeError",
    "PackageError",
    "Prediction",
    "Predictor",
    "Refused",
    "Unavailable",
    "UsageError",
    "init",
    "load",
    "pack",
    "prove",
    "record",
]

_HOMES = {
    "Client": "ketch.client",
    "Prediction": "ketch.client",
    "Predictor": "ketch.runtime",
    "init": "ketch.authoring",
    "load": "ketch.runtime",
    "pack": "ketch.authoring",
    "record": "ketch.authoring",
    "prove": "ketch.authoring",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used, so that `import ketch` stays instant."""
    if name not in __all__:
        raise AttributeError(f"module 'ketch' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, "ketch.errors")), name)


def __dir__() -> list[str]:
    return __all__
