"""What people type at a registry of their own, they type at a hub: the same transcript."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.hubs import hub

from ketch.hub.access import Role
from ketch.testing.transcripts import problems, read_commands, run_commands

pytestmark = pytest.mark.servers

ROOT = Path(__file__).parents[3]
LIMIT_S = 240.0
TOKENS = 2


def at_a_hub(transcript: str) -> str:
    """Return the transcript where people are told apart by tokens, which are events too."""
    told = transcript.replace("KETCH_USER=ben", "KETCH_TOKEN=$BEN")
    told = told.replace("os.environ['KETCH_HOME']", "os.environ['HUB_HOME']")
    told = told.replace('{"event":1,', f'{{"event":{1 + TOKENS},')
    told = re.sub(
        r"^\d+ events: the registry is whole\n", "", told, flags=re.MULTILINE
    )  # its own business
    counted = re.compile(r"^(\d+)(?= events:)|(?<=--after )(\d+)", re.MULTILINE)
    return counted.sub(lambda one: str(int(one[0]) + TOKENS), told)


def test_the_registry_is_used_through_a_hub_as_without(tmp_path: Path) -> None:
    transcript = (ROOT / "tests" / "cli" / "registry.txt").read_text()
    folder = tmp_path / "here"
    folder.mkdir()
    with hub(tmp_path / "hub") as served:
        variables = {
            "KETCH_HOME": str(tmp_path / "home"),
            "PROJECTS": str(ROOT / "tests" / "projects"),
            "KETCH_REGISTRY": served.url,
            "KETCH_TOKEN": served.token("ana", Role.OPERATOR),
            "BEN": served.token("ben", Role.APPROVER),
            "HUB_HOME": str(served.home),
        }
        commands = read_commands(at_a_hub(transcript))
        ran = run_commands(commands, folder, variables=variables, limit_s=LIMIT_S)
    assert len(ran) > 15
    assert not (tmp_path / "home" / "registry.db").exists()
    if wrong := list(problems(ran)):
        pytest.fail("\n\n".join(wrong), pytrace=False)
