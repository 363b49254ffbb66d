"""How much the gateway takes of everything."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource, sys
from ketch.serving.http.limits import Limits
soft, hard = int(sys.argv[1]), int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
fit = Limits(connections=700).that_fit()
print(json.dumps([fit.connections, resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "files"),
    [(256, 1024, 700, 956), (256, 512, 256, 512), (1024, 1024, 700, 1024), (100, 100, 1, 100)],
)
def test_there_are_as_many_connections_as_files_may_be_open(
    soft: int, hard: int, connections: int, files: int
) -> None:
    command = [sys.executable, "-c", SCRIPT, str(soft), str(hard)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert json.loads(done.stdout) == [connections, files]
