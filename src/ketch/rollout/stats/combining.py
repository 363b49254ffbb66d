"""Several guardrails, one promise for all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def log_e_any(log_es: Mapping[str, float]) -> float:
    """Return the evidence that at least one of several guardrails is hurt.

    The mean of the e-values, whatever they have to do with each other. It is at least one
    over their number times the largest, so that a fourth guardrail never hides the first for
    long: it makes it wait until the evidence is a third larger.

    Args:
        log_es: The natural logarithm of each guardrail's e-value.

    Returns:
        The logarithm of an e-value; 0, no evidence, of no guardrails.

    Accuracy: exact under any dependence. Source: Vovk & Wang, "E-values: calibration,
    combination and applications", Annals of Statistics 2021 (arXiv 1912.06116).

    >>> round(math.exp(log_e_any({"conversion": math.log(60), "errors": 0.0})), 1)
    30.5
    """
    if not log_es:
        return 0.0
    highest = max(log_es.values())
    if highest == -math.inf:
        return highest
    mean = sum(math.exp(one - highest) for one in log_es.values()) / len(log_es)
    return highest + math.log(mean)


def cause(log_es: Mapping[str, float]) -> str | None:
    """Return the guardrail that the evidence comes from most; None of none.

    Accuracy: exact. Source: the largest term of :func:`log_e_any`.

    >>> cause({"conversion": 1.0, "errors": 3.0})
    'errors'
    """
    return max(log_es, key=lambda name: log_es[name], default=None)
