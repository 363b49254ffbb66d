"""Whatever a worker does, the parent gets an answer or an error, in time."""

import select
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from ketch.errors import KetchError, PackageCodeError, Unavailable
from ketch.runtime.process import Worker
from ketch.testing.workers import ECHO, Rig, schema_of


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until_gone(pid: int, timeout_s: float = 5.0) -> bool:
    until = time.monotonic() + timeout_s
    while is_running(pid):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def failure(worker: Worker, *, deadline_s: float = 20) -> KetchError:
    with pytest.raises(KetchError) as caught:
        worker.predict([{"x": 1}], deadline_s=deadline_s)
    return caught.value


def test_a_worker_that_hangs_is_killed_at_the_deadline_and_says_where(rig: Rig) -> None:
    source = "import time\ndef run(model, rows):\n    time.sleep(60)\n"
    with rig.loaded(source) as worker:
        began = time.monotonic()
        error = failure(worker, deadline_s=0.3)
        assert time.monotonic() - began < 20
        assert error.code == "worker/deadline"
        assert "pipeline.py" in str(error.hint)
        assert wait_until_gone(worker.pid)
        assert not worker.is_alive
        assert failure(worker).code == "worker/closed"


def test_a_worker_that_hangs_while_it_starts_is_killed(rig: Rig) -> None:
    (library,) = (rig.environment / "lib").glob("python3.*/site-packages")
    (library / "endless.py").write_text("while True: pass")
    with pytest.raises(Unavailable) as caught:
        rig.start("", preimport=("endless",), start_timeout_s=1.0)
    assert caught.value.code == "worker/deadline"


def test_a_worker_that_exits_is_reported_with_its_status_and_last_words(rig: Rig) -> None:
    source = "import os\ndef run(model, rows):\n    print('bye', flush=True); os._exit(3)\n"
    with rig.loaded(source) as worker:
        error = failure(worker)
    assert error.code == "worker/died"
    assert "exit status 3" in error.message
    assert "bye" in str(error.hint)


def test_a_worker_that_crashes_is_reported_with_its_signal_and_place(rig: Rig) -> None:
    source = "import ctypes\ndef run(model, rows):\n    ctypes.string_at(0)\n"
    with rig.loaded(source) as worker:
        error = failure(worker)
    assert "SIGSEGV" in error.message
    assert "pipeline.py" in str(error.hint)


def test_exiting_politely_is_an_error_of_the_package(rig: Rig) -> None:
    with rig.loaded("def run(model, rows): raise SystemExit(0)") as worker:
        assert failure(worker).code == "package-code/raised"
        assert worker.is_alive


def test_a_memory_bomb_is_an_error_of_the_package(rig: Rig) -> None:
    source = "def run(model, rows):\n    if rows[0]['x'] == 1: bytearray(2**31)\n    return rows\n"
    with rig.loaded(source, memory_bytes=300 * 2**20) as worker:
        error = failure(worker)
        assert isinstance(error, PackageCodeError)
        assert error.code == "package-code/out-of-memory"
        assert "314.573 MB" in str(error.hint)
        assert worker.predict([{"x": 2}], deadline_s=10).rows == [{"x": 2}]


GARBAGE = """
import os, stat, struct
def frame(text):
    return struct.pack(">I", len(text)) + text.encode()
def run(model, rows):
    for fd in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(fd).st_mode):
                os.write(fd, {garbage})
        except OSError:
            pass
    import time; time.sleep(60)
"""


@pytest.mark.parametrize(
    "garbage",
    [
        "b'\\xff\\xff\\xff\\xff'",
        "b'\\x00\\x00\\x00\\x02[]'",
        "b'\\x00\\x00\\x00\\x03\\xff\\xfe\\xfd'",
        "b'\\x00\\x00\\x00\\x00'",
        'frame(\'{"ok":true,"rss_bytes":1}\')',
        'frame(\'{"ok":true,"rows":[{"x":NaN}],"steps":[],"trace":[],"rss_bytes":1}\')',
        'frame(\'{"ok":true,"rows":[{"x":1e999}],"steps":[],"trace":[],"rss_bytes":1}\')',
        'frame(\'{"ok":true,"rows":[],"steps":[],"trace":[],"rss_bytes":1}\')',
        'frame(\'{"ok":true,"rows":[1],"steps":[],"trace":[],"rss_bytes":1}\')',
        "frame('{\"ok\":true,\"rows\":' + '[' * 100_000)",
        'frame(\'{"ok":true,"rss_bytes":1,"trace":[],"steps":[],"rows":[{"x":\' + \'[\' * 100_000 + \']\' * 100_000 + \'}]}\')',
        'frame(\'{"error":{"type":1}}\')',
    ],
)
def test_a_worker_that_sends_garbage_is_killed(rig: Rig, garbage: str) -> None:
    source = GARBAGE.format(garbage=garbage)
    with rig.loaded(source) as worker:
        assert failure(worker, deadline_s=5).code == "worker/protocol"
        assert wait_until_gone(worker.pid)


def test_a_worker_that_hangs_up_is_killed(rig: Rig) -> None:
    source = "import os, time\ndef run(model, rows):\n    os.closerange(3, 1024); time.sleep(60)\n"
    with rig.loaded(source) as worker:
        error = failure(worker)
        assert (error.code, "hung up" in error.message) == ("worker/died", True)
        assert wait_until_gone(worker.pid)


def test_an_announced_frame_that_never_comes_ends_at_the_deadline(rig: Rig) -> None:
    source = GARBAGE.format(garbage="b'\\x0f\\xff\\xff\\xff'")
    with rig.loaded(source) as worker:
        assert failure(worker, deadline_s=0.3).code == "worker/deadline"


FORKING = """
import os, time
def run(model, rows):
    if os.fork() == 0:
        time.sleep(60)
    if os.fork() == 0:
        return rows
    {then}
    return rows
"""


@pytest.mark.parametrize("then", ["pass", "os._exit(1)"])
def test_children_of_package_code_end_with_it_and_answer_nothing(rig: Rig, then: str) -> None:
    with rig.loaded(FORKING.format(then=then)) as worker:
        if then == "pass":
            assert worker.predict([{"x": 1}], deadline_s=10).rows == [{"x": 1}]
            assert worker.predict([{"x": 2}], deadline_s=10).rows == [{"x": 2}]
        else:
            began = time.monotonic()
            assert failure(worker, deadline_s=30).code == "worker/died"
            assert time.monotonic() - began < 5
    assert wait_until_gone_group(worker.pid)


def wait_until_gone_group(group: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        listing = subprocess.run(
            ["ps", "-eo", "pgid=,stat="], capture_output=True, text=True, check=True
        ).stdout
        lines = [line.split() for line in listing.splitlines()]
        if not any(int(pgid) == group and not state.startswith("Z") for pgid, state in lines):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("main_thread", [True, False])
def test_a_worker_does_not_outlive_its_parent(rig: Rig, *, main_thread: bool) -> None:
    """Killed with SIGKILL, while native package code holds the interpreter's lock."""
    launch = rig.launch("import ctypes\ndef run(model, rows):\n    ctypes.PyDLL(None).pause()\n")
    script = f"""
    import sys, threading
    from pathlib import Path, PosixPath
    from ketch.runtime.launch import Launch
    from ketch.runtime.process import Worker
    from ketch.testing.workers import schema_of
    def run():
        worker = Worker.start({launch!r})
        schema = schema_of({{"x": "int64"}}, {{"x": "int64"}})
        pipeline = {{"load": None, "takes": "records", "steps": ["pipeline:run"]}}
        worker.load(pipeline, params={{}}, schema=schema)
        print(worker.pid, flush=True)
        worker.predict([{{"x": 1}}], deadline_s=60)
    if {main_thread}:
        run()
    else:
        threading.Thread(target=run).start()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.2)
        assert is_running(pid)
        parent.send_signal(signal.SIGKILL)
        assert wait_until_gone(pid, 3)


def test_closing_leaves_no_descriptor_thread_or_process(rig: Rig) -> None:
    before = (len(list(Path("/proc/self/fd").iterdir())), threading.active_count())
    for source in (ECHO, "def run(model, rows): import os; os._exit(1)"):
        with rig.loaded(source) as worker:
            try:
                worker.predict([{"x": 1}], deadline_s=10)
            except Unavailable:
                assert "_exit" in source
        worker.close()  # twice is harmless
        assert wait_until_gone(worker.pid)
    assert (len(list(Path("/proc/self/fd").iterdir())), threading.active_count()) == before


def test_an_interpreter_that_cannot_start_is_unavailable(rig: Rig, tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(Unavailable) as caught:
        rig.start("", python=tmp_path / "absent")
    assert caught.value.code == "worker/start"
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_only_the_last_of_the_output_is_kept(rig: Rig) -> None:
    source = "def run(model, rows):\n    print('x' * 10**6); print('last words')\n    return rows\n"
    with rig.loaded(source) as worker:
        worker.predict([{"x": 1}], deadline_s=20)
    assert worker.output.endswith("x\nlast words\n")
    assert len(worker.output) == 64 * 1024


def test_what_was_printed_before_a_reply_is_there_when_the_reply_is(rig: Rig) -> None:
    source = "def run(model, rows):\n    print('asked', rows[0]['x'])\n    return rows\n"
    with rig.loaded(source) as worker:
        for x in range(50):
            before = worker.output_position
            worker.predict([{"x": x}], deadline_s=20)
            assert worker.output_since(before) == f"asked {x}\n"


def test_no_part_of_a_secret_is_told_where_the_output_was_cut_off(rig: Rig) -> None:
    """Whatever the length of what comes after it."""
    source = "import os\ndef run(model, rows):\n    print(os.environ['TOKEN'] + 'x' * rows[0]['x'], end='')\n    return rows\n"
    secret = "".join(f"{n:04}" for n in range(200))
    for after in (64 * 1024 - 400, 72 * 1024 - 400):
        variables, private = {"TOKEN": secret}, frozenset({"TOKEN"})
        with rig.loaded(source, variables=variables, private=private) as worker:
            worker.predict([{"x": after}], deadline_s=20)
            assert set(worker.output) <= set("$TOKENx")


def test_a_progress_bar_is_told_as_it_ended(rig: Rig) -> None:
    source = "import sys\ndef run(model, rows):\n    sys.stderr.write('\\r 10%\\r 100%\\r\\ndone\\r\\n')\n    return rows\n"
    with rig.loaded(source) as worker:
        worker.predict([{"x": 1}], deadline_s=20)
        assert worker.last_lines() == " 100%\ndone"


def test_an_error_brings_the_last_lines_that_were_printed(rig: Rig) -> None:
    source = "def run(model, rows):\n    for n in range(100): print('line', n)\n    print('\\x1b[2J' + 'y' * 1000)\n    1 / 0\n"
    with rig.loaded(source) as worker, pytest.raises(PackageCodeError) as caught:
        worker.predict([{"x": 1}], deadline_s=20)
    first, *others, last = caught.value.printed.splitlines()
    assert first == "… 81 lines before"
    assert others == [f"line {n}" for n in range(81, 100)]
    assert last == "\\x1b[2J" + "y" * 392 + "…"
    assert "it had printed:" in str(caught.value)


def test_terminal_codes_in_package_messages_are_shown_not_obeyed(rig: Rig) -> None:
    with rig.loaded("def run(model, rows): raise ValueError('\\x1b[2Jgone')") as worker:
        assert failure(worker).message == "`ValueError`: \\x1b[2Jgone"


def test_a_missing_library_says_what_to_do(rig: Rig) -> None:
    with pytest.raises(PackageCodeError) as caught:
        rig.loaded("import absent_library")
    assert caught.value.where == "pipeline:run"
    assert caught.value.hint == "add the library to the package's requirements"


def test_large_answers_pass_and_too_large_ones_are_refused(rig: Rig) -> None:
    source = "def run(model, rows): return [{'s': 'x' * rows[0]['x']}]"
    with rig.loaded(source, outputs={"s": "string"}) as worker:
        (answer,) = worker.predict([{"x": 8 * 2**20}], deadline_s=30).rows
        assert len(str(answer["s"])) == 8 * 2**20
        with pytest.raises(PackageCodeError, match="more than 268435456"):
            worker.predict([{"x": 2**28}], deadline_s=60)


def test_memory_is_measured_in_the_worker_not_in_its_parent(rig: Rig) -> None:
    ballast = bytearray(200 * 2**20)
    with rig.loaded(ECHO) as worker:
        assert 4 * 2**20 < worker.predict([{"x": 1}], deadline_s=10).rss_bytes < 100 * 2**20
    assert len(ballast) > 0


def test_the_hash_seed_is_the_callers(rig: Rig) -> None:
    source = "def run(model, rows): return [{'x': hash('a')}]"

    def answer(seed: int) -> object:
        with rig.loaded(source, hash_seed=seed) as worker:
            return worker.predict([{"x": 1}], deadline_s=10).rows[0]["x"]

    assert answer(1) == answer(1) != answer(2)


def test_a_machine_out_of_memory_ends_the_worker_before_anything_else(rig: Rig) -> None:
    with rig.loaded("def run(model, rows): return rows") as worker:
        assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text() == "1000\n"


def asked_by_hand(worker: Worker, request: bytes) -> bytes:
    with worker.hand_over() as end:
        end.settimeout(20)
        end.sendall(len(request).to_bytes(4, "big") + request)
        return end.recv(65_536)[4:]


def test_who_is_handed_the_socket_talks_to_the_worker_and_nobody_else_does(rig: Rig) -> None:
    request = b'{"op":"predict","rows":[{"x":7}],"trace":false}'
    with rig.loaded(ECHO) as worker:
        assert b'"rows":[{"x":7}]' in asked_by_hand(worker, request)
        assert failure(worker).code == "worker/died"
        assert wait_until_gone(worker.pid)


def test_the_end_of_a_worker_whose_socket_was_handed_over_is_seen_and_told(rig: Rig) -> None:
    source = "import os\ndef run(model, rows):\n    print('bye', flush=True); os._exit(3)\n"
    request = b'{"op":"predict","rows":[{"x":7}],"trace":false}'
    with rig.loaded(source) as worker:
        assert worker.end is not None
        assert not select.select([worker.end], [], [], 0)[0]
        assert asked_by_hand(worker, request) == b""
        assert select.select([worker.end], [], [], 5)[0]
        told = worker.gone("predict")
        assert "exit status 3" in told.message
        assert "bye" in str(told.hint)
        assert worker.end is None
        assert worker.gone("predict").code == worker.hung("predict", 1.0).code == "worker/closed"


def test_a_worker_that_hangs_with_its_socket_handed_over_is_killed_and_says_where(rig: Rig) -> None:
    source = "import time\ndef run(model, rows):\n    time.sleep(60)\n"
    request = b'{"op":"predict","rows":[{"x":7}],"trace":false}'
    with rig.loaded(source) as worker, worker.hand_over() as end:
        end.sendall(len(request).to_bytes(4, "big") + request)
        time.sleep(0.2)
        told = worker.hung("predict", 0.2)
        assert told.code == "worker/deadline"
        assert told.where == "pipeline:run"
        assert "pipeline.py" in str(told.hint)
        assert wait_until_gone(worker.pid)


def test_closing_a_worker_from_another_thread_ends_a_load_at_once(rig: Rig) -> None:
    worker = rig.start("import time\ntime.sleep(60)\ndef run(model, rows):\n    return rows\n")
    threading.Timer(0.3, worker.close).start()
    began = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        worker.load(
            {"load": None, "takes": "records", "steps": ["pipeline:run"]},
            params={},
            schema=schema_of({"x": "int64"}, {"x": "int64"}),
        )
    assert time.monotonic() - began < 10
    assert caught.value.code in {"worker/closed", "worker/died"}
    assert wait_until_gone(worker.pid)
