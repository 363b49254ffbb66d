"""Access to a hub: tokens, roles, and the packages a token is limited to.

This area promises that nobody does what nobody said they may: every request has an
identity, every route of the hub declares the role it needs, and a desk at the hub checks
once more, with the package at hand.
"""

from ketch.hub.access.guarded import GuardedDesk
from ketch.hub.access.roles import Identity, Role, patterns
from ketch.hub.access.tokens import Token, Tokens

__all__ = ["GuardedDesk", "Identity", "Role", "Token", "Tokens", "patterns"]
