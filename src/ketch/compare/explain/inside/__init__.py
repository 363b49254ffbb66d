"""Inside a component: the single changes between A and B, and mixtures with some of them."""

from ketch.compare.explain.inside.change import Change, Inside
from ketch.compare.explain.inside.choose import inside

__all__ = ["Change", "Inside", "inside"]
