"""The demo: the whole story, played for real on real purchases.

``data/`` holds an extract of the *Online Retail II* data set with its licence;
``projects/`` holds two authored packages, as a data scientist would keep them.
"""

from ketch.demo.acts import PAGE
from ketch.demo.story import BROKEN, REQUEST, Told, play
from ketch.demo.telling import Chapter

__all__ = ["BROKEN", "PAGE", "REQUEST", "Chapter", "Told", "play"]
