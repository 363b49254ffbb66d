"""What the running notebook itself answers to the example."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from ketch.authoring.notebook.steps import MODEL_NAMES
from ketch.authoring.notebook.trial import MODULE, TEMPLATE, Answers, answers_of


def answered(
    functions: Sequence[Callable[..., Any]], value: Any, there: Mapping[str, Any]
) -> Answers | None:
    """Call the steps here, in the notebook; None where that cannot be done or raises.

    Args:
        functions: The steps.
        value: What the first one gets, the caller's own copy.
        there: What the notebook holds, by name.
    """
    try:
        for function in functions:
            value = function(*_arguments(function, value, there))
        replies = _described(value)
    except Exception:  # noqa: BLE001 # the notebook's own code; the package is asked the same next
        return None
    return answers_of(replies)


def _arguments(
    function: Callable[..., Any], value: Any, there: Mapping[str, Any]
) -> Sequence[object]:
    """Return what a step is called with: the value, and what the notebook calls the rest."""
    required = [
        one.name
        for one in inspect.signature(function).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    handed = {name: there[name] for name in required if name in there and len(required) > 1}
    if len(required) - len(handed) > 1:  # a model under another name than the parameter's
        models = [there[name] for name in MODEL_NAMES if name in there]
        rest = [name for name in required if name not in handed]
        handed |= dict.fromkeys(rest[: len(rest) - 1], models[0])
    open_one = next((name for name in required if name not in handed), required[-1])
    handed[open_one] = value
    return [handed[name] for name in required]


def _described(value: Any) -> list[str]:
    """Return replies as the package's own environment would give them."""
    spec = spec_from_file_location(MODULE, TEMPLATE)
    if spec is None or spec.loader is None:
        raise ImportError(MODULE)
    answers = module_from_spec(spec)
    spec.loader.exec_module(answers)
    replied = answers.reply(None, value)
    rows = [replied] if isinstance(replied, dict) else replied
    return [str(row["reply"]) if "reply" in row else json.dumps(row) for row in rows]
