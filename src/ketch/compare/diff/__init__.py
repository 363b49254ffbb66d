"""Diff: what is not the same in two packages, by component, without running either.

This area promises that a component is called the same exactly when its digest is, that
what is told is bounded and says what was left out, and that nothing of a package runs.
"""

from ketch.compare.diff.targets import Target, opened
from ketch.compare.diff.whole import Component, Diff, diff

__all__ = ["Component", "Diff", "Target", "diff", "opened"]
