"""The Open Inference Protocol, version 2, over HTTP: one tensor for each field.

What the specification leaves open, and how tables travel, is decided as KServe, Triton and
MLServer do it: see ``docs/how-to/serve.md``. Read widely, written one way.
"""

from ketch.serving.doors.v2.door import V2
from ketch.serving.doors.v2.pages import Called, called, live, model, ready, server, standing

__all__ = ["V2", "Called", "called", "live", "model", "ready", "server", "standing"]
