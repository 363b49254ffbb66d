"""Stores elsewhere, and the way there.

A remote is an OCI registry or a bucket. What arrives from one is hashed before it is
kept; nothing is visible at either end before it is whole; a transfer that was cut goes on
where it stopped; and credentials go to the server they belong to, and nowhere else.

:mod:`ketch.remote.http` is imported when a server is asked, and the object stores' library
when a bucket is: neither belongs to commands that stay on this machine.
"""

from ketch.remote.address import Address, Scheme

__all__ = ["Address", "Scheme"]
