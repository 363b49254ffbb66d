"""The examples in the documentation of rollouts say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import ketch.rollout
from ketch.rollout import stats

MODULES = sorted(
    found.name
    for package in (ketch.rollout, stats)
    for found in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    words = {word: getattr(stats, word) for word in stats.__all__}
    result = doctest.testmod(
        importlib.import_module(name), extraglobs=words, optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0


def test_every_public_function_of_the_statistics_names_accuracy_and_source() -> None:
    for word in stats.__all__:
        entry = getattr(stats, word)
        if callable(entry) and not isinstance(entry, type) and word != "e_value":
            assert "Accuracy" in entry.__doc__, word
            assert "ource:" in entry.__doc__ or "source:" in entry.__doc__, word
            assert ">>>" in entry.__doc__, word
