"""The command ``ketch``: finds the verb, runs it, and says clearly what went wrong.

Each verb lives in a file of its own and is imported only when it is asked for, so
that ``ketch --version`` stays instant. Exit status: 0 done, 1 refused or failed its
contract, 2 wrong usage, 3 unavailable (DESIGN §12).
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from cyclopts import App

    from ketch.errors import UsageError

VERBS = {
    "init": "write a new package folder, empty or around a trained model",
    "import": "write a package folder from a model of another system",
    "pack": "build a package, verify it in its own environment, and store it",
    "verify": "prove again that a package behaves as it promises",
    "record": "write expected outputs from what the package answers now",
    "inspect": "show what a package is, does and promises",
    "list": "show the packages in the store",
    "predict": "answer a file of inputs with a package",
    "push": "publish a package, or send it to a registry or a bucket",
    "pull": "fetch a package from a registry, a bucket or a hub",
    "promote": "move a package to a stage of its route, through every gate",
    "approve": "say yes to a package in production",
    "reject": "say no to a package in production",
    "rollback": "take the newest package of a route out of live traffic, at once",
    "status": "show who answers on every route",
    "route": "show or set the rules of a route",
    "history": "show what happened, who did it and why",
    "audit": "prove that the history was not changed",
    "serve": "answer HTTP with packages, on this machine",
    "guard": "watch rollouts, and take back what does harm",
    "outcome": "record what became of answers, from a file",
    "report": "show what a rollout says, and what to do next",
    "drift": "say what is no longer as it was, and what that does to the answers",
    "decisions": "show what was answered, ask about it in SQL, export it",
    "trace": "say of one decision by what, for whom and on whose word it was made",
    "erase": "remove all that the log holds of a unit",
    "diff": "tell what is not the same in two packages",
    "compare": "ask packages the same rows, and tell how they differ",
    "explain": "say why a package answers otherwise than another, or what broke on a route",
    "upgrade": "make a candidate with newer libraries, and say what they change",
    "scenario": "turn a decision into a scenario",
    "hub": "serve the registry and its packages to a team",
    "login": "keep the token for a hub",
    "keygen": "make a pair of keys to sign packages with",
    "sign": "put a key to a package",
    "export": "write a package in the forms of others",
    "withdraw": "say that a version must not be promoted any more",
    "owner": "hand a package over to somebody else",
    "env": "show or clean up the environments of packages",
    "fsck": "check every byte of the store",
    "gc": "remove what no package needs any more",
    "doctor": "check this machine and say what is missing",
    "demo": "play the whole story on real retail data",
}

_PLACES = {"import": "importing"}
"""Where verbs live whose names are words of Python's own."""

_OPTIONS = ("--help", "-h", "--version")
_MEANT = {
    "-v": "`ketch --version` says which it is",
    "version": "`ketch --version` says which it is",
    "help": "`ketch --help` lists the verbs, `ketch VERB --help` shows what one takes",
}

_GARBAGE = 20_000
"""After so many new objects garbage is looked for: imports make many, and nearly all stay."""

_stopped_by: list[int] = [signal.SIGINT]
"""The signal that stops the process; the exception may be lost on its way through a library."""


def main(tokens: Sequence[str] | None = None) -> int:
    """Run ``ketch`` and return its exit status; the entry point of the command."""
    arguments = list(sys.argv[1:] if tokens is None else tokens)
    if tokens is None:
        gc.set_threshold(_GARBAGE)
    if arguments in (["--version"], ["-V"]):
        return _version()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` has its own opinion
            signal.signal(number, _stop)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 128 + _stopped_by[-1]
    except BrokenPipeError:
        _drop_output()
        return 1
    except Exception:  # noqa: BLE001 # the last border: keep the traceback, say whose fault it is
        traceback.print_exc()
        print("\nerror: this is a fault in ketch itself; please report it", file=sys.stderr)
        return 1
    finally:
        # The process ends: do not sort all that was imported once more. duckdb wants that.
        if tokens is None and "_duckdb" not in sys.modules:
            gc.freeze()


def _stop(number: int, _: object) -> NoReturn:
    """End as after Ctrl-C: workers end, and nothing half-written stays. Once: then at once."""
    signal.signal(number, signal.SIG_DFL)
    _stopped_by.append(number)
    raise KeyboardInterrupt


def run() -> None:
    """Run ``ketch`` as a process."""
    sys.exit(main())


def app(chosen: str | None = None) -> App:
    """Return the command line, with every verb to be imported on demand.

    Args:
        chosen: The verb that is asked for: its help is its own docstring, which costs
            its import; the others are told in a line each.
    """
    from cyclopts import App, Parameter

    command = App(
        name="ketch",
        help="Model packages a business can trust.",
        version_flags=["--version"],
        suppress_keyboard_interrupt=False,  # `main` says that it stopped
        help_format="markdown",
        default_parameter=Parameter(negative=""),  # a flag that is off needs no flag to turn it off
    )
    for verb, says in VERBS.items():
        told = None if verb == chosen else says
        place = f"ketch.cli.{_PLACES.get(verb, verb)}:{_function(verb)}"
        command.command(place, name=verb, help=told)
    return command


def _run(arguments: list[str]) -> int:
    from ketch.cli.printer import Printer
    from ketch.errors import KetchError, UsageError
    from ketch.files import DISK_TROUBLE, failure, refused_path

    printer = Printer(as_json="--json" in arguments)
    verb = arguments[0] if arguments and not arguments[0].startswith("-") else None
    first = next(iter(arguments), "--help")
    if first not in VERBS and first not in _OPTIONS:
        printer.error(_unknown(first))
        return UsageError.exit_status
    from cyclopts import CycloptsError

    try:
        result = app(verb)(
            arguments, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as problem:
        from ketch.cli.usage import unreadable

        printer.error(unreadable(problem, verb))
        return UsageError.exit_status
    except KetchError as problem:
        printer.error(problem)
        return problem.exit_status
    except OSError as problem:
        if refused := refused_path(problem):
            printer.error(refused)
            return refused.exit_status
        if problem.errno not in DISK_TROUBLE:
            raise
        # Whoever writes files says so in words; what is left is our own output.
        _drop_output()
        told = failure(problem, Path("standard output"))
        Printer().error(told)
        return told.exit_status
    return result if isinstance(result, int) else 0


def _drop_output() -> None:
    """Send what is still to be printed nowhere: Python would complain about it as it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unknown(verb: str) -> UsageError:
    from ketch.errors import UsageError
    from ketch.schema import did_you_mean

    return UsageError(
        f"expected a verb of ketch, found `{verb}`",
        code="usage/arguments",
        hint=_MEANT.get(verb)
        or did_you_mean(verb, [*VERBS, *_OPTIONS])
        or "`ketch --help` lists the verbs",
    )


def _function(verb: str) -> str:
    """Return the name of a verb's function: the verb, where Python does not use it."""
    return {"list": "list_packages", "import": "import_"}.get(verb, verb)


def _version() -> int:
    from importlib.metadata import version

    print(f"ketch {version('ketch')}")
    return 0
