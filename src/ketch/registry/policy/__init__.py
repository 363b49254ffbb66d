"""The rules of a route: what they may say, read strictly, every mistake told at once."""

from ketch.registry.policy.drift import DriftWatch
from ketch.registry.policy.layers import LayerPart
from ketch.registry.policy.policy import Policy

__all__ = ["DriftWatch", "LayerPart", "Policy"]
