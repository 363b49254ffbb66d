"""Where the gateway listens."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ketch.errors import Refused, Unavailable, UsageError
from ketch.serving.http import systemd
from ketch.serving.http.listener import Listener


def test_a_port_that_is_taken_is_told_of() -> None:
    first = Listener.open("127.0.0.1", 0)
    port = first.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable, match=f"port {port}") as caught:
        Listener.open("127.0.0.1", port)
    assert caught.value.code == "serve/port"
    assert caught.value.hint == "`--port 0` takes one that is free"
    first.close()
    Listener.open("127.0.0.1", port).close()


def test_a_name_that_means_nothing_is_told_of() -> None:
    with pytest.raises(Unavailable, match=r"nowhere\.invalid") as caught:
        Listener.open("nowhere.invalid", 0)
    assert "`--host`" in str(caught.value.hint)


@pytest.mark.parametrize("port", [-1, 65_536, 99_999])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    """The kernel looks at 16 bits: 99,999 would be 34,463."""
    with pytest.raises(UsageError, match="from 0 to 65535") as caught:
        Listener.open("127.0.0.1", port)
    assert (caught.value.code, caught.value.where) == ("serve/settings", "--port")


@pytest.mark.parametrize(
    ("host", "is_private"),
    [("127.0.0.1", True), ("127.0.0.2", True), ("localhost", True), ("0.0.0.0", False)],
)
def test_beyond_this_machine_it_wants_tokens_or_somebodys_word(
    host: str, *, is_private: bool
) -> None:
    listener = Listener.open(host, 0)
    assert listener.is_private is is_private
    listener.check_exposure(has_tokens=True, anyone=False)
    listener.check_exposure(has_tokens=False, anyone=True)
    if is_private:
        listener.check_exposure(has_tokens=False, anyone=False)
    else:
        with pytest.raises(Refused, match=r"0\.0\.0\.0") as caught:
            listener.check_exposure(has_tokens=False, anyone=False)
        assert caught.value.code == "serve/exposed"
    listener.close()


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="needs IPv6")
def test_all_addresses_are_those_of_both_kinds() -> None:
    listener = Listener.open("::", 0)
    port = listener.sockets[0].getsockname()[1]
    assert (listener.url(), listener.is_private) == (f"http://[::]:{port}", False)
    for host in ("127.0.0.1", "::1"):
        socket.create_connection((host, port), timeout=5).close()
    listener.close()


PASSED = """
import json, os, sys
os.environ["LISTEN_PID"] = sys.argv[1].replace("me", str(os.getpid()))
from ketch.serving.http.listener import Listener
listener = Listener.open("127.0.0.1", 0)
told = [listener.is_held, listener.addresses, [os.get_inheritable(s.fileno()) for s in listener.sockets]]
print(json.dumps([*told, [n for n in os.environ if n.startswith("LISTEN")]]))
"""


@pytest.mark.parametrize("meant_for", ["me", "1"])
def test_the_sockets_that_systemd_passes_are_taken_by_whom_they_are_for(
    meant_for: str, tmp_path: Path
) -> None:
    tcp, unix = socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    fds = [os.dup(one.fileno()) for one in (tcp, unix)]
    script = f"import os; os.dup2({fds[0]}, 3); os.dup2({fds[1]}, 4)\n{PASSED}"
    environment = {**os.environ, "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b"}
    done = subprocess.run(
        [sys.executable, "-c", script, meant_for],
        *(),
        env=environment,
        pass_fds=fds,
        capture_output=True,
        check=True,
    )
    is_held, addresses, inheritable, left = json.loads(done.stdout)
    assert left == []
    assert not any(inheritable)
    if meant_for == "me":
        assert is_held
        assert addresses == [f"127.0.0.1:{tcp.getsockname()[1]}", str(tmp_path / "s")]
    else:
        assert not is_held
        assert len(addresses) == 1
    for one in (tcp, unix):
        one.close()
    for fd in fds:
        os.close(fd)


def test_systemd_is_told_when_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        systemd.notify("READY=1")
        assert heard.recv(100) == b"READY=1"
    systemd.notify("READY=1")  # nobody listens now
    monkeypatch.delenv("NOTIFY_SOCKET")
    systemd.notify("READY=1")
