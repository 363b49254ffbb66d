"""How long and how freely Hypothesis searches.

In CI the cases of a test are the same at each run, so that a failure is of the change at
hand, and a third as many: it has fifteen minutes for everything. Elsewhere each run tries new
ones. ``--hypothesis-profile=search`` looks for long.
"""

import os

from hypothesis import settings

IS_CI = bool(os.environ.get("CI"))

settings.register_profile(
    "ketch", deadline=None, derandomize=IS_CI, max_examples=30 if IS_CI else 100
)
settings.register_profile("search", deadline=None, max_examples=5_000)
settings.load_profile("ketch")
