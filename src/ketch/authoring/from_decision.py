"""From a decision to a scenario: what was asked and answered, as a promise.

A program writes it, so it is a draft until a person says that the answer is right; nothing
that is there already is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ketch.errors import Finding, Refused
from ketch.files import explained, sync_file, sync_folder
from ketch.monitor.decisions.keyed import MARK
from ketch.monitor.decisions.table import Recorded
from ketch.package import Manifest, Scenario, read_manifest, read_scenarios
from ketch.package.scenario import FOLDER
from ketch.schema import Field, decode, parse_json

_MACHINE = ("serve/", "worker/", "request/")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Added:
    """A scenario that was written.

    Attributes:
        scenario: What it says.
        path: The file, relative to the package's folder.
    """

    scenario: Scenario
    path: str

    def to_json(self) -> dict[str, object]:
        """Return the form of ``ketch scenario add --json``."""
        return {"file": self.path, **self.scenario.to_json()}


def add_scenario(
    folder: Path, decision: Recorded, *, name: str | None = None, confirm: bool = False
) -> Added:
    """Write a scenario into a package folder that asks and expects what a decision did.

    Args:
        folder: The folder, with its ``ketch.toml``.
        decision: The decision.
        name: Of the scenario and of its file; else one that follows from the decision.
        confirm: Whether its answer is right: then it is no draft.

    Raises:
        Refused: ``scenario/personal``: personal data was never recorded;
            ``scenario/not-kept``: there is nothing to ask or to expect;
            ``scenario/does-not-fit``: the schema of the folder refuses it, with every finding;
            ``scenario/exists``: there is one of that name.
        Unavailable: ``disk/…``.
    """
    manifest, findings = read_manifest(folder)
    if manifest is None:
        raise _refused("expected a package folder", findings, "scenario/does-not-fit", str(folder))
    made = _scenario(decision, name or f"decision-{decision.id[:16]}", draft=not confirm)
    _check(made, manifest)
    path = folder / FOLDER / f"{made.name}.json"
    known, _ = read_scenarios(folder, manifest.schema)
    there = next((one.source for one in known if one.name == made.name), None)
    if there is not None or path.exists():
        raise _taken(made.name, there or f"{FOLDER}/{path.name}")
    _write(path, made)
    return Added(made, f"{FOLDER}/{path.name}")


def _scenario(decision: Recorded, name: str, *, draft: bool) -> Scenario:
    if not _NAME.fullmatch(name):
        raise Refused(
            "expected a name of letters, digits, `.`, `_` and `-`, which is a file's name, too; "
            f"found `{name[:40]}`",
            code="scenario/name",
        )
    error = decision.error
    if decision.inputs == "null" or (error is None and decision.outputs == "null"):
        raise Refused(
            "expected inputs and outputs, found that they were not kept, or are kept no longer",
            code="scenario/not-kept",
            where=decision.id,
        )
    if error is not None and error.startswith(_MACHINE):
        raise Refused(
            f"expected an answer of the package, found `{error}`, which tells of the machine",
            code="scenario/not-kept",
            where=decision.id,
        )
    inputs = parse_json(decision.inputs.encode())
    body = {
        "name": name,
        "description": f"Asked of {decision.package}, decision {decision.id}",
        "draft": draft,
        "inputs": inputs,
    }
    outputs = {"expected_error": error} if error else {"expected": _outputs(decision)}
    return Scenario.from_json({**body, **outputs}, source=f"{FOLDER}/{name}.json")


def _outputs(decision: Recorded) -> object:
    return parse_json(decision.outputs.encode())


def _check(made: Scenario, manifest: Manifest) -> None:
    """Refuse what was never recorded in the clear, and what the schema of the folder refuses."""
    sides = [("inputs", manifest.schema.inputs, made.inputs)]
    sides += [("expected", manifest.schema.outputs, made.expected)] if made.expected else []
    hashed = [one for side, _, rows in sides for one in _hashed(side, rows)]
    if hashed:
        raise Refused(
            "expected values in the clear, found hashes: personal data is never recorded",
            code="scenario/personal",
            findings=hashed,
            hint="write the scenario by hand, with data that is nobody's",
        )
    wrong = [one for side, fields, rows in sides for one in _wrong(side, fields, rows)]
    if wrong:
        raise _refused(
            "expected a decision that fits the schema of the folder", wrong, "scenario/does-not-fit"
        )


def _hashed(side: str, rows: Sequence[object]) -> Iterator[Finding]:
    for index, row in enumerate(rows):
        for field, value in row.items() if isinstance(row, dict) else ():
            if isinstance(value, str) and MARK.fullmatch(value):
                message = f"expected a value in `{field}`, found its hash"
                yield Finding("scenario/personal", message, f"{side}[{index}].{field}")


def _wrong(side: str, fields: Sequence[Field], rows: object) -> Iterator[Finding]:
    for one in decode(fields, rows)[1]:
        where = (one.where or "rows").replace("rows", side, 1)
        yield Finding(one.code, one.message, where, one.hint)


def _refused(
    expected: str, findings: Sequence[Finding], code: str, where: str | None = None
) -> Refused:
    count = f"{len(findings)} thing{'s are' if len(findings) > 1 else ' is'} wrong"
    return Refused(f"{expected}: {count}", code=code, where=where, findings=findings)


def _taken(name: str, where: str) -> Refused:
    return Refused(
        f"expected no scenario `{name}` yet, found one",
        code="scenario/exists",
        where=where,
        hint="give this one another name with `--name`",
    )


def _write(path: Path, made: Scenario) -> None:
    content = msgspec.json.format(msgspec.json.encode(made.to_json()), indent=2) + b"\n"
    with explained(path):
        path.parent.mkdir(exist_ok=True)
        try:
            with path.open("xb") as file:
                file.write(content)
                file.flush()
                sync_file(file.fileno())
        except FileExistsError:  # somebody wrote it just now
            raise _taken(made.name, f"{FOLDER}/{path.name}") from None
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
