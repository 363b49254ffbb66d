"""A command line that cannot be read, said as every other error is: expected, found, hint."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args, get_origin

from cyclopts import CoercionError, CycloptsError, MissingArgumentError, UnknownOptionError
from cyclopts.exceptions import UnknownCommandError, UnusedCliTokensError

from ketch.errors import UsageError
from ketch.schema import did_you_mean


def unreadable(problem: CycloptsError, verb: str | None) -> UsageError:
    """Return the error for a command line.

    Args:
        problem: What its reader found.
        verb: The verb it begins with.
    """
    command = " ".join(["ketch", *(problem.command_chain or ([verb] if verb else []))])
    message, hint = _told(problem, command)
    helps = f"`{command} --help` shows what it takes" if verb else "`ketch --help` lists the verbs"
    return UsageError(message, code="usage/arguments", hint=hint or helps)


def _told(problem: CycloptsError, command: str) -> tuple[str, str | None]:
    match problem:
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return f"expected no more after `{command}` has what it takes, found `{first}`", None
        case UnknownOptionError(token=token):
            found = token.keyword or token.value
            known = [name for one in problem.argument_collection for name in one.names]
            return f"expected an option of `{command}`, found `{found}`", _near(found, known)
        case UnknownCommandError(unused_tokens=[first, *_]):
            verbs = [] if problem.app is None else list(problem.app)
            return f"expected a verb of `{command}`, found `{first}`", _near(first, verbs)
        case MissingArgumentError(argument=argument) if argument is not None:
            name = problem.keyword or argument.name
            return f"expected a value for `{name}`, found none", None
        case CoercionError(token=token, msg=None) if token is not None:
            name = token.keyword or (problem.argument.name if problem.argument else "it")
            wanted = _kind(problem.target_type)
            return f"expected {wanted} for `{name}`, found `{token.value}`", None
    return str(problem), None


def _near(found: str, known: Iterable[str]) -> str | None:
    """Return a hint: an option is taken for an option, and a verb for a verb."""
    is_option = found.startswith("-")
    return did_you_mean(found, [name for name in known if name.startswith("-") == is_option])


def _kind(wanted: object) -> str:
    """Return in words what a value is to be."""
    if get_origin(wanted) is Literal:
        return "one of " + ", ".join(f"`{one}`" for one in get_args(wanted))
    if wanted in (int, float):
        return "an integer" if wanted is int else "a number"
    return f"`{getattr(wanted, '__name__', wanted)}`"
