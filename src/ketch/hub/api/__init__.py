"""The registry over HTTP: every act of a desk, as JSON, under ``/api/v1``.

Requests and answers are typed in :mod:`ketch.hub.api.shapes`; the table of calls in
:mod:`ketch.hub.api.calls` says what each needs, takes and gives. The OpenAPI document is
written from both, so that it cannot say anything else.
"""

from ketch.hub.api.calls import CALLS, PREFIX, entries

__all__ = ["CALLS", "PREFIX", "entries"]
