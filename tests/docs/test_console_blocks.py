"""What the documents show is what happens: every console block is run, in order.

A page is one session in an empty folder with a ketch home of its own. A block with
``title=PATH`` is a file that the reader writes. A page that says ``<!-- needs: index -->``
builds environments from the package index; one that needs a program names it the same way.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketch.testing.transcripts import Command, problems, read_commands, run_commands

ROOT = Path(__file__).parents[2]
LIMIT_S = 240.0

_BLOCK = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NEEDS = re.compile(r"<!-- needs: ([a-z, ]+) -->")


def pages() -> Iterator[object]:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = path.read_text()
        if "```console" not in text:
            continue
        needs = [need for found in _NEEDS.findall(text) for need in found.split(", ")]
        marks = [pytest.mark.e2e] if "index" in needs else []
        missing = [need for need in needs if need != "index" and shutil.which(need) is None]
        if missing and os.environ.get("KETCH_TEST_REQUIRE") != "all":
            marks.append(pytest.mark.skip(reason=f"needs {missing[0]}"))
        yield pytest.param(path, id=path.relative_to(ROOT).as_posix(), marks=marks)


def session(text: str) -> Iterator[Command]:
    """Yield the commands of a page; a file that it shows becomes one that writes it."""
    for block in _BLOCK.finditer(text):
        language, title, body = block.groups()
        line = text.count("\n", 0, block.start()) + 2
        if named := re.search(r"title=(\S+)", title):
            yield Command(_writing(named[1], body), line=line)
        elif language == "console":
            yield from read_commands(body, first_line=line)


def _writing(path: str, body: str) -> str:
    file = f'"$DOCUMENT_ROOT/{path}"'
    return f"mkdir -p $(dirname {file}) && cat > {file} <<'END-OF-FILE'\n{body}END-OF-FILE"


@pytest.mark.parametrize("page", list(pages()))
def test_console_blocks_of_a_page_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    variables = {"KETCH_HOME": str(tmp_path / "home"), "DOCUMENT_ROOT": str(folder)}
    commands = list(session(page.read_text()))
    ran = run_commands(commands, folder, variables=variables, limit_s=LIMIT_S)
    if wrong := list(problems(ran)):
        pytest.fail("\n\n".join(wrong), pytrace=False)


def test_a_page_in_which_a_command_prints_something_else_is_found(tmp_path: Path) -> None:
    text = "```console\n$ echo one\ntwo\n```\n"
    ran = run_commands(list(session(text)), tmp_path, variables={}, limit_s=10)
    assert len(list(problems(ran))) == 1
