"""What hostile package code can do: nothing that leaves its folder.

The acts are those of the sandbox probe that the design was measured with, run here from
the code of a real package.
"""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketch.errors import KetchError, PackageCodeError
from ketch.runtime.landlock import landlock_rules, newest_abi
from ketch.runtime.sandbox import probe_layers
from ketch.runtime.seccomp import seccomp_filter
from ketch.testing.workers import ECHO, Rig

needs_landlock = pytest.mark.skipif(newest_abi() < 6, reason="needs Landlock ABI 6")

ACTS = {
    "read a secret of the same user": "open(AT['secret']).read()",
    "read a user's key by its folder": "os.listdir(AT['outside'])",
    "read the list of users": "open('/etc/passwd').read()",
    "write to the package": "open(AT['code'] + '/pipeline.py', 'a')",
    "write to the environment": "open(AT['environment'] + '/lib/evil.pth', 'w')",
    "write elsewhere": "open(AT['outside'] + '/evil', 'w')",
    "write to /tmp": "open('/tmp/ketch-evil', 'w')",
    "delete what is not its own": "os.unlink(AT['secret'])",
    "link a secret into its folder": "os.link(AT['secret'], os.environ['HOME'] + '/mine')",
    "run a shell": "subprocess.run(['/bin/sh', '-c', 'true'])",
    "run its own interpreter": "subprocess.run([sys.executable, '-c', ''])",
    "run a program from memory": """
fd = os.memfd_create('evil')
os.write(fd, open(sys.executable, 'rb').read())
os.execve(fd, ['evil', '-c', ''], {})""",
    "connect by TCP": "socket.create_connection(('127.0.0.1', AT['port']), 2)",
    "listen on TCP": "socket.socket().bind(('127.0.0.1', 0))",
    "send by UDP": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('127.0.0.1', 9))",
    "connect to a service's socket": "socket.socket(socket.AF_UNIX).connect(AT['service'])",
    "kill another process": "os.kill(AT['victim'], 9)",
    "read another's environment": "open(f'/proc/{AT[\"victim\"]}/environ', 'rb').read()",
    "trace another process": "call(libc.ptrace, 16, AT['victim'], 0, 0)",
    "read another's memory": "call(libc.process_vm_readv, AT['victim'], 0, 0, 0, 0, 0)",
    "limit another process": "resource.prlimit(AT['victim'], resource.RLIMIT_NOFILE, (1, 1))",
    "leave its process group": "os.setsid()",
    "enter another group": "os.setpgid(0, 0)",
    "make a namespace": "call(libc.unshare, 0x10000000)",
    "make a namespace by clone": "call(libc.syscall, CLONE, 0x10000000 | 17, 0, 0, 0, 0)",
    "mount": "call(libc.mount, b'none', b'/mnt', b'tmpfs', 0, None)",
    "use io_uring": "call(libc.syscall, 425, 1, 0)",
    "share memory with anyone": "call(libc.shmget, 1234, 4096, 0o1600)",
    "hold 2 GiB": "bytearray(2 * 2**30)",
}
REFUSED = ("PermissionError", "MemoryError", "ProcessLookupError")

HOSTILE = """
import ctypes, os, resource, socket, subprocess, sys
AT = {at!r}
CLONE = 220 if os.uname().machine == 'aarch64' else 56
libc = ctypes.CDLL(None, use_errno=True)

def call(function, *args):
    if function(*args) < 0:
        raise OSError(ctypes.get_errno(), 'refused')

def run(model, rows):
    try:
        exec({act!r})
    except BaseException as error:
        return [{{'outcome': type(error).__name__, 'why': str(error)}}]
    return [{{'outcome': 'done', 'why': ''}}]
"""
OUTCOME = {"outcome": "string", "why": "string"}


@pytest.fixture
def at(tmp_path: Path, rig: Rig) -> Iterator[dict[str, object]]:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("token")
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as service,
        subprocess.Popen(sleeper) as victim,
    ):
        service.bind(str(outside / "s"))
        service.listen()
        yield {
            "secret": str(outside / "secret"),
            "outside": str(outside),
            "code": str(rig.folder / "code"),
            "environment": str(rig.environment),
            "port": tcp.getsockname()[1],
            "service": str(outside / "s"),
            "victim": victim.pid,
        }
        assert victim.poll() is None
        victim.send_signal(signal.SIGTERM)


def outcome(
    rig: Rig,
    act: str,
    at: dict[str, object],
    *,
    sandbox: bool = True,
    network: bool = False,
) -> dict[str, object]:
    source = HOSTILE.format(at=at, act=act)
    with rig.loaded(
        source, outputs=OUTCOME, memory_bytes=512 * 2**20, sandbox=sandbox, network=network
    ) as worker:
        return worker.predict([{"x": 1}], deadline_s=20).rows[0]


@needs_landlock
@pytest.mark.parametrize("act", ACTS)
def test_package_code_cannot(rig: Rig, at: dict[str, object], act: str) -> None:
    found = outcome(rig, ACTS[act], at)
    # What crosses into its folder from outside is, to Landlock, on another device.
    assert found["outcome"] in REFUSED or "cross-device" in str(found["why"]), found


@needs_landlock
def test_killing_everything_reaches_nobody(rig: Rig, at: dict[str, object]) -> None:
    source = HOSTILE.format(at=at, act="os.kill(-1, 9)")
    with rig.loaded(ECHO) as other, rig.loaded(source, outputs=OUTCOME) as worker:
        worker.predict([{"x": 1}], deadline_s=20)
        assert other.predict([{"x": 1}], deadline_s=20).rows == [{"x": 1}]


@pytest.mark.parametrize("act", ["read a secret of the same user", "connect by TCP"])
def test_the_acts_succeed_without_the_sandbox(rig: Rig, at: dict[str, object], act: str) -> None:
    assert outcome(rig, ACTS[act], at, sandbox=False)["outcome"] == "done"


ALLOWED = {
    "write to its folder": "open(os.environ['TMPDIR'] + '/mine', 'w').write('x')",
    "rename in its folder": """
os.makedirs('a/b'); open('a/b/c', 'w').close(); os.rename('a/b/c', 'c'); os.unlink('c')""",
    "copy files with their modes": """
import shutil; open('one', 'w').close(); shutil.copy2('one', 'two')""",
    "use sockets in pairs": "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'",
    "run asyncio": "import asyncio; asyncio.run(asyncio.sleep(0))",
    "use threads": """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool: assert list(pool.map(abs, [-1, 2])) == [1, 2]""",
    "fork, and end its own child": """
pid = os.fork()
if pid == 0:
    import time; time.sleep(60)
os.kill(pid, 9); os.waitpid(pid, 0)""",
    "read the time zones": "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
    "read about itself": "assert 'VmRSS' in open('/proc/self/status').read()",
    "look at the processor": "os.cpu_count(); open('/proc/cpuinfo').read()",
    "describe the platform": "import platform; platform.platform(); platform.processor()",
    "guess file types": "import mimetypes; mimetypes.guess_type('a.json')",
    "throw output away": "open(os.devnull, 'w').write('x')",
}


@pytest.mark.parametrize("act", ALLOWED)
def test_package_code_can(rig: Rig, at: dict[str, object], act: str) -> None:
    assert outcome(rig, ALLOWED[act], at) == {"outcome": "done", "why": ""}


def test_a_package_that_declares_the_network_has_it_and_no_more(
    rig: Rig, at: dict[str, object]
) -> None:
    assert outcome(rig, ACTS["connect by TCP"], at, network=True)["outcome"] == "done"
    refused = outcome(rig, ACTS["connect to a service's socket"], at, network=True)
    assert refused["outcome"] in REFUSED


def test_modes_of_readable_files_do_not_change(rig: Rig, at: dict[str, object]) -> None:
    source = HOSTILE.format(at=at, act="os.chmod(AT['secret'], 0o777)")
    with rig.loaded(source, outputs=OUTCOME, readable=(Path(str(at["secret"])),)) as worker:
        worker.predict([{"x": 1}], deadline_s=20)
    assert Path(str(at["secret"])).stat().st_mode & 0o777 != 0o777


def test_variables_of_a_package_reach_its_code_but_not_its_interpreter(rig: Rig) -> None:
    evil = rig.folder / "evil"
    evil.mkdir(parents=True)
    (evil / "json.py").write_text("raise SystemExit('imported before the sandbox')")
    source = """
import os
def run(model, rows):
    return [{"words": [os.environ["FEATURE_URL"], *sorted(os.environ)]}]
"""
    variables = {"FEATURE_URL": "http://a", "PYTHONPATH": str(evil)}
    with rig.loaded(source, outputs={"words": "list<string>"}, variables=variables) as worker:
        (answer,) = worker.predict([{"x": 1}], deadline_s=10).rows
    words = answer["words"]
    assert isinstance(words, list)
    first, *names = words
    assert first == "http://a"
    ours = {"HOME", "LANG", "PATH", "PYTHONHASHSEED", "TMPDIR", "USER"}
    assert set(names) - {"LC_CTYPE"} == ours | set(variables)


def test_hooks_of_an_environment_run_inside_the_sandbox(rig: Rig, tmp_path: Path) -> None:
    (library,) = (rig.environment / "lib").glob("python3.*/site-packages")
    hook = library / "evil.pth"
    hook.write_text(f"import os; open({str(tmp_path / 'escaped')!r}, 'w')\n")
    try:
        with rig.start("") as worker:
            assert "PermissionError" in worker.output or "Errno 13" in worker.output
    finally:
        hook.unlink()
    assert not (tmp_path / "escaped").exists()


def test_an_interpreter_that_came_with_the_environment_is_refused(rig: Rig, tmp_path: Path) -> None:
    fake = Rig(tmp_path / "env", tmp_path / "package")
    python = fake.environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\ntouch escaped\n")
    python.chmod(0o755)
    with pytest.raises(KetchError) as caught:
        fake.start("")
    assert caught.value.code == "worker/interpreter"


@pytest.mark.parametrize("abi", range(1, 8))
def test_every_landlock_abi_up_to_the_kernels_can_be_used(
    rig: Rig, abi: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if newest_abi() < abi:
        pytest.skip(f"the kernel has ABI {newest_abi()}")
    monkeypatch.setattr("ketch.runtime.launch.newest_abi", lambda: abi)
    source = HOSTILE.format(at={}, act="open('mine', 'w'); os.kill(os.getppid(), 0)")
    with rig.loaded(source, outputs=OUTCOME) as worker:
        (layer,) = (layer for layer in worker.layers if layer.layer == "landlock")
        assert layer.active
        assert layer.detail.startswith(f"ABI {abi};")
        (found,) = worker.predict([{"x": 1}], deadline_s=10).rows
    assert found["outcome"] == "PermissionError"  # of the signal, not of the file
    assert "not permitted" in str(found["why"])


def test_missing_layers_are_reported_and_the_worker_still_runs(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ketch.runtime.launch.newest_abi", lambda: 0)
    with rig.start("") as worker:
        layers = {layer.layer: layer for layer in worker.layers}
    assert not layers["landlock"].active
    assert layers["landlock"].detail
    assert layers["seccomp"].active


def test_fork_bombs_end_for_a_user_who_is_not_root(rig: Rig) -> None:
    if os.getuid() == 0:
        pytest.skip("the kernel does not limit root's processes")
    source = """
import os, time
def run(model, rows):
    for _ in range(5000):
        if os.fork() == 0:
            time.sleep(60)
"""
    with rig.loaded(source) as worker, pytest.raises(PackageCodeError, match="BlockingIOError"):
        worker.predict([{"x": 1}], deadline_s=30)


def test_the_doctor_sees_every_layer() -> None:
    layers = {layer.layer: layer for layer in probe_layers()}
    assert {"session", "lifeline", "limits", "memory", "landlock", "seccomp"} <= set(layers)
    assert all(layer.detail for layer in layers.values())


def test_rules_name_no_right_that_an_abi_does_not_know() -> None:
    for abi, bits in enumerate((13, 14, 15, 15, 16, 16, 16), start=1):
        rules = landlock_rules([], "/scratch", network=False, abi=abi)
        assert rules is not None
        assert rules["attributes"][0] == 2**bits - 1  # type: ignore[index] # a list of three
        for rights in ("read", "write"):
            granted = rules[rights]
            assert isinstance(granted, int)
            assert granted < 2**bits
            assert not granted & 1  # nothing may be executed


def test_a_machine_without_a_table_has_no_filter() -> None:
    for machine, known in (("x86_64", True), ("aarch64", True), ("riscv64", False)):
        program = seccomp_filter(machine, network=False, pid=1, signals_confined=True)
        assert (program is not None) is known
