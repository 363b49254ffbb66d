"""Accuracy: whether the answer was right."""

from __future__ import annotations


def is_right(answer: object, right: object) -> bool:
    """Return whether an answer was right; the accuracy is how often, from 0 to 1.

    Args:
        answer: A value in JSON form.
        right: What was right. Numbers are equal whatever their type, and 1 is true, for an
            outcome without a label has a value; everything else is of one type.

    Returns:
        A mean of these, with its interval, is :func:`~.mean.bounded_mean`.

    Source: the share of correct answers; textbook.

    >>> answers, right = ["cat", "dog", "cat", "cat"], ["cat", "dog", "dog", "cat"]
    >>> from ketch.monitor.metrics.measures.mean import bounded_mean
    >>> bounded_mean([is_right(*pair) for pair in zip(answers, right)]).value
    0.75
    """
    return answer == right
