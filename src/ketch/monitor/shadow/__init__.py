"""Shadow copies beside the live answers they copy: pair by pair, field by field.

Promises that a copy is compared with the very answer it is a copy of, by the rules of the
schema of the package at staging; that copies that failed, and answers without a copy, are
counted; and that what is examined is bounded, and how much it was is told.
"""

from ketch.monitor.shadow.comparing import MOST, compare_shadow
from ketch.monitor.shadow.fields import FieldResult, Fields
from ketch.monitor.shadow.value import Example, Latency, ShadowReport

__all__ = [
    "MOST",
    "Example",
    "FieldResult",
    "Fields",
    "Latency",
    "ShadowReport",
    "compare_shadow",
]
