"""Why requirements have no solution: which lines take part, and what could stand there."""

import re
from collections.abc import Iterator
from dataclasses import replace

from packaging.requirements import Requirement

from ketch.env.requirements import Requirements
from ketch.env.resolving import Resolving, resolve
from ketch.env.well_known import WELL_KNOWN
from ketch.errors import Finding, KetchError, Refused, Unavailable
from ketch.package.code.libraries import distribution_for
from ketch.schema import nearest

_EXPLAINED = ("env/no-solution", "env/no-wheel")
_MOST = 10
_LACKING = (
    r"there (?:is|are) no versions? of {}(?![\w-])",
    r"only (?:the following versions of )?{}(?![\w-]).{{0,200}}? (?:is|are) available",
    r"(?<![\w.-]){}(?![\w-])\S* (?:was not found|has no usable wheels|have no usable wheels)",
    r"all versions of {} have no",
)


def explained(problem: Refused, requirements: Requirements, python: str, how: Resolving) -> Refused:
    """Return the same refusal with the lines it speaks of, and what to do about each.

    What the index lacks is asked for once more without a version, to name one that it has.

    Args:
        problem: Why :func:`ketch.env.resolve` refused.
        requirements: What was asked for.
        python: The Python it was asked for.
        how: How it was resolved.
    """
    if problem.code not in _EXPLAINED:
        return problem
    named = list(_named(problem.message, requirements))[:_MOST]
    lacking = [one for one in named if _is_lacking(problem.message, one)]
    if lacking:
        findings = [_lacking(one, requirements, python, how, problem) for one in lacking]
        hint = None
    else:
        findings = [_contradicts(one, requirements, problem) for one in named]
        hint = (
            "loosen one of these versions, or name another Python under `[environment] python`"
            f" in ketch.toml: it is `{python}`"
        )
    where = findings[0].where if len(findings) == 1 else requirements.source
    return Refused(
        problem.message,
        code=problem.code,
        where=where,
        hint=problem.hint or hint,
        findings=findings,
    )


def _named(message: str, requirements: Requirements) -> Iterator[str]:
    """Yield the requirements whose distribution a message names."""
    for line in dict.fromkeys(requirements.lines):
        if re.search(rf"(?<![\w.-]){re.escape(Requirement(line).name)}(?![\w-])", message):
            yield line


def _is_lacking(message: str, line: str) -> bool:
    name = re.escape(Requirement(line).name)
    return any(re.search(pattern.format(name), message) for pattern in _LACKING)


def _contradicts(line: str, requirements: Requirements, problem: Refused) -> Finding:
    message = f"`{line}` and what else is asked for exclude each other"
    return Finding(problem.code, message, requirements.place_of(line))


def _lacking(
    line: str, requirements: Requirements, python: str, how: Resolving, problem: Refused
) -> Finding:
    name, where = Requirement(line).name, requirements.place_of(line)
    wanted = replace(how, existing=None, progress=None)
    try:
        found = resolve(Requirements(source=requirements.source, lines=(name,)), python, wanted)
    except Unavailable:
        return Finding(problem.code, f"the package index lacks `{line}`", where)
    except KetchError:
        message = f"the package index has no `{name}` for Python `{python}`"
        return Finding(problem.code, message, where, _other_name(name))
    version = next((one.version for one in found.packages if one.name == name), None)
    message = f"the package index has no wheel of `{line}` for Python `{python}`"
    return Finding(
        problem.code, message, where, version and f"the newest that fits is `{name}=={version}`"
    )


def _other_name(name: str) -> str:
    library = distribution_for(name.replace("-", "_"))
    meant = library if library != name else nearest(name, WELL_KNOWN)
    if meant:
        return f"did you mean `{meant}`?"
    return "check how it is spelled, and the index that uv is configured for"
