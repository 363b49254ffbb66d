"""Webhooks: other programs are told what happened, in order, at least once.

This area promises that each event reaches each webhook that wants it, or is tried again
until it does; that a receiver can prove that it comes from this hub; that nobody is told
of events faster than they can take them; and that a hub can not be made to ask addresses
inside its own network that nobody allowed.
"""

from ketch.hub.webhooks.hooks import Webhook, Webhooks

__all__ = ["Webhook", "Webhooks"]
