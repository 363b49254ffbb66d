"""Real environments, made by real uv, of a distribution in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.env import Environment, Environments, Lock, LockedPackage, environment_key, make_lock
from ketch.env.environment import MARKER
from ketch.errors import DigestMismatch, KetchError, Refused, Unavailable

from .conftest import Index

ENSURE = """\
import sys
from pathlib import Path
from ketch.env import Environments, Lock
lock = Lock.parse(Path(sys.argv[2]).read_text())
print("ready", flush=True)
sys.stdin.readline()
said = []
environment = Environments(Path(sys.argv[1])).ensure(lock, progress=said.append)
print(any(line.startswith("making") for line in said), environment.path, flush=True)
"""


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "envs")


def said_by(environment: Environment, program: str) -> str:
    command = [str(environment.python), "-I", "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_an_environment_holds_what_the_lock_names(
    environments: Environments, tiny_lock: Lock
) -> None:
    made = environments.ensure(tiny_lock)
    assert said_by(made, "import tiny; print(tiny.VERSION)") == "1.0"
    assert said_by(made, "import sys; print(sys.prefix)") == str(made.path)
    assert made.path == environments.root / environment_key(tiny_lock)
    assert made.lock_digest == tiny_lock.digest
    assert (made.site_packages / "tiny.py").is_file()
    assert (made.path / "requirements.lock").read_text() == str(tiny_lock)


def test_nothing_but_the_lock_is_in_the_environment(
    environments: Environments, tiny_lock: Lock
) -> None:
    made = environments.ensure(tiny_lock)
    distributions = [path.name for path in made.site_packages.glob("*.dist-info")]
    assert distributions == ["tiny-1.0.dist-info"]


def test_an_empty_lock_makes_an_environment_without_a_network(
    environments: Environments, running_python: str
) -> None:
    made = environments.ensure(Lock(running_python), offline=True)
    assert said_by(made, "print(1)") == "1"
    assert environments.ensure(Lock(running_python)) == made


def test_an_environment_that_is_there_is_found_without_starting_a_program(
    environments: Environments, tiny_lock: Lock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = environments.ensure(tiny_lock)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("started a program"))
    assert environments.ensure(tiny_lock) == made


def test_the_uv_cache_is_enough_when_the_index_is_gone(
    environments: Environments, tiny_lock: Lock, tmp_path: Path
) -> None:
    environments.ensure(tiny_lock)
    environments.discard(environment_key(tiny_lock))
    assert said_by(environments.ensure(tiny_lock, offline=True), "import tiny; print(1)") == "1"


def test_files_are_linked_from_the_cache_of_uv(environments: Environments, tiny_lock: Lock) -> None:
    made = environments.ensure(tiny_lock)
    assert (made.site_packages / "tiny.py").stat().st_nlink > 1


def test_different_locks_have_different_environments(
    environments: Environments, tiny_lock: Lock, running_python: str
) -> None:
    assert environment_key(tiny_lock) != environment_key(Lock(running_python))
    asked = make_lock(tiny_lock.python, tiny_lock.packages, inputs=tiny_lock.digest)
    assert environment_key(asked) == environment_key(tiny_lock)


def remove_marker(made: Environment) -> None:
    (made.path / MARKER).unlink()


def write_rubbish(made: Environment) -> None:
    (made.path / MARKER).write_bytes(b"\xff{")


def name_another_lock(made: Environment) -> None:
    marker = json.loads((made.path / MARKER).read_text())
    marker["lock"] = f"sha256:{'0' * 64}"
    (made.path / MARKER).write_text(json.dumps(marker))


def install_something_else(made: Environment) -> None:
    (made.site_packages / "evil-1.0.dist-info").mkdir()


def remove_a_distribution(made: Environment) -> None:
    (made.site_packages / "tiny-1.0.dist-info").rename(made.path / "gone")


def remove_the_interpreter(made: Environment) -> None:
    made.python.unlink()


def remove_what_the_interpreter_links_to(made: Environment) -> None:
    made.python.unlink()
    made.python.symlink_to(made.path / "an" / "uninstalled" / "python")


def replace_the_interpreter(made: Environment) -> None:
    made.python.unlink()
    made.python.write_text("#!/bin/sh\n")


@pytest.mark.parametrize(
    "tamper",
    [
        remove_marker,
        write_rubbish,
        name_another_lock,
        install_something_else,
        remove_a_distribution,
        remove_the_interpreter,
        remove_what_the_interpreter_links_to,
        replace_the_interpreter,
    ],
)
def test_an_environment_someone_changed_is_made_again(
    environments: Environments, tiny_lock: Lock, tamper: Callable[[Environment], object]
) -> None:
    made = environments.ensure(tiny_lock)
    tamper(made)
    assert environments.find(tiny_lock) is None
    again = environments.ensure(tiny_lock)
    assert said_by(again, "import tiny; print(tiny.VERSION)") == "1.0"
    assert not (again.site_packages / "evil-1.0.dist-info").exists()
    assert leftovers(environments) == []


def leftovers(environments: Environments) -> list[str]:
    return [path.name for path in environments.root.glob(".[bt]*")]


def start(environments: Environments, lock_file: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, environments.root, lock_file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_of_eight_processes_one_builds(
    environments: Environments, tiny_lock: Lock, tmp_path: Path
) -> None:
    lock_file = tmp_path / "lock"
    lock_file.write_text(str(tiny_lock))
    processes = [start(environments, lock_file) for _ in range(8)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    answers = [process.communicate("go\n")[0] for process in _released(processes)]
    path = environments.root / environment_key(tiny_lock)
    assert sorted(answers) == [f"False {path}\n"] * 7 + [f"True {path}\n"]
    assert leftovers(environments) == []


def _released(processes: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return processes


@pytest.mark.parametrize("with_uv", [True, False], ids=["with uv", "uv left running"])
def test_a_build_that_is_killed_is_begun_again(
    environments: Environments, tiny_lock: Lock, tmp_path: Path, *, with_uv: bool
) -> None:
    unfinished = 0
    lock_file = tmp_path / "lock"
    lock_file.write_text(str(tiny_lock))
    for delay_s in (0.0, 0.01, 0.03):
        with start(environments, lock_file) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            process.stdin.write("go\n")
            process.stdin.flush()
            deadline = time.monotonic() + 20
            while not leftovers(environments) and process.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.001)
            time.sleep(delay_s)
            if with_uv:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        unfinished += environments.find(tiny_lock) is None
        made = environments.ensure(tiny_lock)
        assert said_by(made, "import tiny; print(tiny.VERSION)") == "1.0"
        environments.discard(made.key)
    assert unfinished


def test_a_failed_build_leaves_nothing(environments: Environments, tiny_lock: Lock) -> None:
    wrong = make_lock(tiny_lock.python, [LockedPackage("tiny", "1.0", "", ("0" * 64,))])
    with pytest.raises(DigestMismatch) as caught:
        environments.ensure(wrong)
    assert caught.value.code == "env/hash-mismatch"
    assert leftovers(environments) == []
    assert environments.list() == ()


def test_what_the_index_does_not_have_is_refused(
    environments: Environments, tiny_lock: Lock
) -> None:
    absent = make_lock(tiny_lock.python, [LockedPackage("absent", "1.0", "", ("0" * 64,))])
    with pytest.raises(KetchError) as caught:
        environments.ensure(absent)
    assert isinstance(caught.value, Refused | Unavailable)


def test_a_python_that_is_not_here_is_said_so(environments: Environments) -> None:
    with pytest.raises(Unavailable) as caught:
        environments.ensure(Lock("3.99.1"), offline=True)
    assert caught.value.code == "env/python-missing"


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path, running_python: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        Environments(tmp_path / "file" / "envs").ensure(Lock(running_python))
    assert caught.value.code == "disk/refused"


def test_scripts_of_distributions_run_where_the_environment_ends_up(
    environments: Environments, running_python: str, index: Index
) -> None:
    digest = index.add(
        "tool",
        files={
            "tool.py": "def main():\n    print('hello')\n",
            "tool-1.0.dist-info/entry_points.txt": "[console_scripts]\ntool = tool:main\n",
        },
    )
    made = environments.ensure(
        make_lock(running_python, [LockedPackage("tool", "1.0", "", (digest,))])
    )
    done = subprocess.run([made.path / "bin" / "tool"], capture_output=True, text=True, check=True)
    assert done.stdout == "hello\n"


def test_the_list_says_what_is_there(environments: Environments, tiny_lock: Lock) -> None:
    assert environments.list() == ()
    made = environments.ensure(tiny_lock)
    (record,) = environments.list()
    assert (record.key, record.lock_digest, record.packages) == (made.key, tiny_lock.digest, 1)
    assert record.python == tiny_lock.python
    assert record.size_bytes > 1000
    os.utime(made.path / MARKER, (0, 0))
    assert environments.list()[0].last_used.year == 1970
    environments.ensure(tiny_lock)
    assert environments.list()[0].last_used.year > 2000
