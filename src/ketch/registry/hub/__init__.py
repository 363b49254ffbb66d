"""The registry of a hub, asked over HTTP.

This area promises that a desk at a hub is a desk: what is done there means the same, and
what is refused is refused with the same error, as in a registry on this machine.
"""

from ketch.registry.hub.desk import HubDesk
from ketch.registry.hub.session import connect

__all__ = ["HubDesk", "connect"]
