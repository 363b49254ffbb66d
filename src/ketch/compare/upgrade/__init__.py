"""Newer libraries, judged by what they do: ``ketch upgrade``.

This area promises that a candidate is kept only after it kept its contract in an environment of
its own, that every library that stays behind has a reason that was seen, and that nothing is
published, promoted or written into a folder that nobody asked for.
"""

from ketch.compare.upgrade.moves import PYTHON, Held, Kind, Move, Reason
from ketch.compare.upgrade.options import Options
from ketch.compare.upgrade.upgraded import Upgraded
from ketch.compare.upgrade.upgrading import upgrade

__all__ = ["PYTHON", "Held", "Kind", "Move", "Options", "Reason", "Upgraded", "upgrade"]
