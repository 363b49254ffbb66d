"""The command line, as people see it: each ``.txt`` file here is a transcript that is run.

A file holds one line that says what it shows, commands with the output they must have
(see ``ketch.testing.transcripts``), and below them the files that the commands need, each
under a line ``-- path --``. ``$PROJECTS`` is ``tests/projects``. A file whose first
lines say ``needs: index`` builds environments from the package index.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ketch.testing.transcripts import problems, read_archive_text, read_commands, run_commands

HERE = Path(__file__).parent
PROJECTS = HERE.parent / "projects"
LIMIT_S = 120.0


def transcripts() -> Sequence[object]:
    found = []
    for path in sorted(HERE.glob("*.txt")):
        marks = [pytest.mark.e2e] if "needs: index" in path.read_text().partition("$ ")[0] else []
        found.append(pytest.param(path, id=path.stem, marks=marks))
    return found


@pytest.mark.parametrize("path", transcripts())
def test_commands_of_a_transcript_print_what_it_shows(path: Path, tmp_path: Path) -> None:
    transcript, files = read_archive_text(path.read_text())
    folder = tmp_path / "here"
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    folder.mkdir(exist_ok=True)
    variables = {"KETCH_HOME": str(tmp_path / "home"), "PROJECTS": str(PROJECTS)}
    ran = run_commands(read_commands(transcript), folder, variables=variables, limit_s=LIMIT_S)
    assert ran, "a transcript has commands"
    if wrong := list(problems(ran)):
        pytest.fail("\n\n".join(wrong), pytrace=False)
