"""How long and how freely Hypothesis searches.

In CI the cases of a test are the same at each run, so that a failure is of the change at
hand; elsewhere each run tries new ones. ``--hypothesis-profile=search`` looks for long.
"""

import os

from hypothesis import settings

settings.register_profile("ketch", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.register_profile("search", deadline=None, max_examples=5_000)
settings.load_profile("ketch")
