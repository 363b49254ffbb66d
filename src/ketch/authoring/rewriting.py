"""Scenario files, changed where a scenario changed and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ketch.authoring.editing import drop_member, member_text, set_member
from ketch.files import sync_file, temporary_folder, whole_file
from ketch.package import ScenarioTrace, dump_traces
from ketch.package.scenario import EXPECTED_SUFFIX, FOLDER, TRACES_FILE
from ketch.schema import Row, Schema
from ketch.tables.write import RowWriter

_LINE = re.compile(r"(?<=\.jsonl):(\d+)$")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What becomes of one scenario in its file.

    Attributes:
        source: Where it stands: a file, and in a file of lines the line after a ``:``.
        expected: The rows it expects from now on; ``None`` for those it has.
        confirm: Whether it is a draft no more.
    """

    source: str
    expected: Sequence[Row] | None
    confirm: bool

    @property
    def path(self) -> str:
        """The file."""
        line = _LINE.search(self.source)
        return self.source if line is None else self.source[: line.start()]

    @property
    def line(self) -> int:
        """The line in a file of lines, from 0."""
        line = _LINE.search(self.source)
        return 0 if line is None else int(line[1]) - 1


def rewritten(
    folder: Path,
    rewrites: Sequence[Rewrite],
    traces: Sequence[ScenarioTrace],
    schema: Schema,
) -> dict[str, bytes]:
    """Return the new content of each file that changes, by its path in the folder."""
    contents: dict[str, bytes] = {}
    for one in rewrites:
        if one.path.endswith(".csv"):
            contents.update(_table(one, schema))
        elif one.expected is not None or one.confirm:
            before = contents.get(one.path) or (folder / one.path).read_bytes()
            contents[one.path] = _edited(before, one)
    if traces:
        contents[f"{FOLDER}/{TRACES_FILE}"] = dump_traces(traces)
    return {path: new for path, new in contents.items() if new != _content(folder / path)}


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write files, each whole, none before all of them lie on the disk.

    Raises:
        Unavailable: The disk refused; every file is as it was.
    """
    with ExitStack() as stack:
        for path, content in contents.items():
            stream = stack.enter_context(whole_file(path))
            stream.write(content)
            stream.flush()
            sync_file(stream.fileno())


def _edited(content: bytes, one: Rewrite) -> bytes:
    """Change one scenario in a file of one, or of one a line."""
    if one.path.endswith(".json"):
        return _scenario(content.decode(), one).encode()
    lines = content.decode().split("\n")
    line, end = lines[one.line].rstrip("\r"), lines[one.line].endswith("\r")
    lines[one.line] = _scenario(line, one) + "\r" * end
    return "\n".join(lines).encode()


def _scenario(text: str, one: Rewrite) -> str:
    if one.confirm:
        text = drop_member(text, "draft")
    if one.expected is None:
        return text
    before = member_text(text, "expected") or member_text(text, "inputs") or "["
    rows = [dict(row) for row in one.expected]
    value = rows[0] if before.startswith("{") and len(rows) == 1 else rows
    return set_member(text, "expected", value, like="inputs")


def _table(one: Rewrite, schema: Schema) -> Iterator[tuple[str, bytes]]:
    if one.expected is None:
        return
    with temporary_folder("ketch-record-") as folder:
        file = folder / "expected.csv"
        with RowWriter(file, schema.outputs) as writer:
            writer.write(dict(row) for row in one.expected)
        yield one.path.removesuffix(".csv") + EXPECTED_SUFFIX, file.read_bytes()


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
