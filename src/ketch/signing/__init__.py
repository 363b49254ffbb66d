"""Signatures: who vouches for a package, in the OpenSSF model-signing format.

A signature covers the package's manifest, and with it every byte: code, model,
parameters, data, scenarios, environment. It is kept beside the package and travels with
it. What is signed is a list of files and their digests (:mod:`ketch.signing.statement`),
as ``ketch export folder`` writes them, so that ``model_signing verify`` can check it
without ketch.
"""

from ketch.signing.keys import PrivateKey, PublicKey
from ketch.signing.signature import Signature, sign
from ketch.signing.signed import attach, signatures, signed_by, signers

__all__ = [
    "PrivateKey",
    "PublicKey",
    "Signature",
    "attach",
    "sign",
    "signatures",
    "signed_by",
    "signers",
]
