"""What code says in strings: paths of one machine, and environment variables."""

import ast
import re
from collections.abc import Collection, Iterator

from ketch.errors import Finding
from ketch.package.code.source import Source, dotted, walk
from ketch.package.paths import printable
from ketch.schema.nearest import did_you_mean

SILENCER = "ketch: not-a-path"

# Roots that mean a place on a disk. A path such as `/predict` may be part of an address,
# and `/dev/null` or `/proc/cpuinfo` are there on every machine that runs a package.
_MACHINE_PATH = re.compile(
    r"""
      /(?:home|Users|tmp|root|mnt|media|var|opt|srv|etc|usr|Volumes|private
         |content/drive|kaggle|dbfs|Workspace|databricks|workspace)/(?!/)
    | /tmp$
    | ~[\w-]*/.
    | [A-Za-z]:[\\/][^\\/]
    | \\\\[\w.-]+\\\w
    | file:/
    """,
    re.VERBOSE,
)
_ALWAYS_SET = frozenset(["HOME", "PATH", "TMPDIR"])
_READS = frozenset(["os.getenv", "getenv", "os.environ.get", "environ.get"])
_ENVIRON = frozenset(["os.environ", "environ"])


def is_machine_path(text: str) -> bool:
    """Whether a string names a place on one machine, such as ``/home/ada/model.pkl``.

    >>> is_machine_path("C:/models/a.bin"), is_machine_path("/predict")
    (True, False)
    """
    return _MACHINE_PATH.match(text) is not None


def check_paths(source: Source) -> tuple[Finding, ...]:
    """Return the strings of a file that work on one machine only.

    Code ``package/absolute-path``; a remark ``# ketch: not-a-path`` on the line turns
    the refusal into advice. Documentation strings do not count.
    """
    return tuple(_machine_paths(source))


def check_variables(source: Source, declared: Collection[str]) -> tuple[Finding, ...]:
    """Return advice for each environment variable that code reads undeclared.

    Code ``package/undeclared-variable``, once a file and variable.
    """
    found: dict[str, int] = {}
    for name, line in _variables(source):
        if name not in declared and name not in _ALWAYS_SET:
            found.setdefault(name, line)
    return tuple(
        Finding(
            "package/undeclared-variable",
            f"`{printable(name)}` is read but not declared",
            source.where(line),
            did_you_mean(name, declared)
            or "name it in `[environment]` under `variables`, `required` or `secrets`",
            blocks=False,
        )
        for name, line in found.items()
    )


def _machine_paths(source: Source) -> Iterator[Finding]:
    for text, line in _strings(source):
        if is_machine_path(text):
            silenced = source.says(line, SILENCER)
            yield Finding(
                "package/absolute-path",
                f"expected a path inside the package, found `{printable(text[:60])}`",
                source.where(line),
                f"silenced by `# {SILENCER}`" if silenced else _path_hint(text),
                blocks=not silenced,
            )


def _strings(source: Source) -> Iterator[tuple[str, int]]:
    """Yield what strings begin with: of an f-string only the text before its first value."""
    inner: set[int] = set()
    for node, _ in walk(source.tree):
        match node:
            case ast.JoinedStr(values=[_, *rest]):
                inner.update(id(value) for value in rest)
            case ast.Constant(value=str(text)) if id(node) not in inner:
                yield text, node.lineno


def _path_hint(path: str) -> str:
    if path.startswith("/tmp"):  # noqa: S108 # read, not used
        return (
            "a file that is read ships below `model/`, which `load(model_dir, params)` receives, "
            "or as data; one that is written has its place in the `tempfile` module"
        )
    return (
        "trained files go into `model/`, which `load(model_dir, params)` receives; "
        "name other places in `[environment]`"
    )


def _variables(source: Source) -> Iterator[tuple[str, int]]:
    for node, _ in walk(source.tree):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name)), ctx=ast.Load()):
                if dotted(value) in _ENVIRON:
                    yield name, node.lineno
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if dotted(function) in _READS:
                    yield name, node.lineno
