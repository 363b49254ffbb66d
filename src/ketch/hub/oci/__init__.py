"""The bytes of a hub, over the OCI distribution API 1.1: skopeo, oras and ketch speak it.

This area promises that a repository is a package and a tag is its version, for ever; that
nobody reads a byte through a repository that does not show it to them; and that whatever a
client sends, or stops sending, the store is as it was or as it should be.

``entries`` are the routes; ``publish`` is how a version is published wherever the wish
comes from; ``ZeroCopyProtocol`` lets uvicorn send files without reading them.
"""

from ketch.hub.oci.bytes import HubBytes
from ketch.hub.oci.limits import Limits
from ketch.hub.oci.publishing import publish
from ketch.hub.oci.table import entries
from ketch.hub.oci.zerocopy import ZeroCopyProtocol

__all__ = ["HubBytes", "Limits", "ZeroCopyProtocol", "entries", "publish"]
