"""How Hypothesis works here: as long as an example takes, for a busy machine is no fault."""

from hypothesis import settings

settings.register_profile("ketch", deadline=None)
settings.load_profile("ketch")
