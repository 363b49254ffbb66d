"""Many clients at one hub: pulling a large package beside nginx, and pushing.

    python bench/hub.py [--mib 1024] [--clients 20] [--rounds 3] [--root FOLDER]

A package with one large model file is published at a real hub (``ketch hub``). Then that
many ``curl`` processes pull the file at once from: nginx with ``sendfile``, from the very
same file of the store; the hub; and, to show what the hub's way is worth, starlette's
``FileResponse`` under uvicorn. They take turns within a round; ratios are medians of the
ratios within a round. At the end as many clients push a file each, while another one asks
the hub for something small. Needs Debian's ``nginx-light`` and ``curl``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
KETCH = Path(sys.executable).with_name("ketch")
TICK = os.sysconf("SC_CLK_TCK")
NAME = "hello"
PUSHED_MIB = 128


@dataclass(frozen=True)
class Server:
    """A server that was started: where it is, and its processes."""

    name: str
    url: str
    pids: Sequence[int]
    token: str | None = None


@dataclass(frozen=True)
class Pull:
    """What one turn took: seconds, the server's seconds of processor, its peak memory."""

    seconds: float
    cpu_s: float
    peak_mib: float


def prepare(home: Path, mib: int) -> str:
    """Publish a package with a model file of that size; return the digest of the file."""
    from tests import packages

    from ketch.package import Digest, Stored, open_package
    from ketch.package.built import Layer, describe
    from ketch.registry import Registry, open_database
    from ketch.store import LocalStore

    store = LocalStore(home / "store")
    file = home / "weights.bin"
    home.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for _ in range(mib):
            out.write(os.urandom(1024 * 1024))
    weights = store.put_files([file], link=True)[file]
    contents = {**packages.files(), "model/weights.bin": b""}
    stored: dict[str, Stored] = {
        path: store.put_bytes(content) for path, content in contents.items()
    }
    stored["model/weights.bin"] = weights
    layers = [Layer(path, contents[path]) for path in sorted(contents)]
    artifact, config = describe(packages.manifest(), layers, stored)
    store.put_bytes(config)
    package = open_package(store.put_bytes(artifact.to_bytes()).digest, store)
    store.tag(package.reference, package.descriptor)
    database = open_database(f"sqlite:///{home / 'registry.db'}")
    Registry(database, lambda digest: open_package(digest, store)).publish(package, actor="bench")
    database.close()
    assert isinstance(weights.digest, Digest)
    return str(weights.digest)


@contextmanager
def hub(home: Path) -> Iterator[Server]:
    """Run ``ketch hub``."""
    made = [str(KETCH), "hub", "token", "create", "bench", "--role", "publisher", "--json"]
    said = subprocess.run([*made, "--home", home], check=True, capture_output=True, text=True)
    token = json.loads(said.stdout)["token"]
    command = [str(KETCH), "hub", "--home", str(home), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["listening"]
        try:
            yield Server("ketch hub", url, [process.pid], token)
        finally:
            process.terminate()


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[Server]:
    """Run nginx as Debian sets it up: a worker for each processor, ``sendfile``."""
    port = free_port()
    (folder / "logs").mkdir(parents=True)
    root.chmod(0o755)
    config = folder / "nginx.conf"
    config.write_text(
        "user root;\nworker_processes auto;\ndaemon off;\n"
        f"pid {folder}/pid;\nerror_log {folder}/logs/error;\n"
        "events { worker_connections 768; }\n"
        "http { sendfile on; tcp_nopush on; access_log off; server {\n"
        f"  listen 127.0.0.1:{port};\n  location / {{ root {root}; }}\n}} }}\n"
    )
    command = ["nginx", "-p", str(folder), "-c", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        until = time.monotonic() + 10
        while not answers(port) and time.monotonic() < until:
            time.sleep(0.05)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            yield Server("nginx", f"http://127.0.0.1:{port}", [process.pid, *map(int, children)])
        finally:
            process.terminate()


@contextmanager
def starlette(root: Path) -> Iterator[Server]:
    """Run uvicorn with starlette's own answer for files."""
    port = free_port()
    command = [sys.executable, __file__, "--serve", f"{port}:{root}"]
    with subprocess.Popen(command) as process:
        until = time.monotonic() + 10
        while not answers(port) and time.monotonic() < until:
            time.sleep(0.05)
        try:
            yield Server("FileResponse", f"http://127.0.0.1:{port}", [process.pid])
        finally:
            process.terminate()


def serve(said: str) -> None:
    """Serve a folder with starlette's ``FileResponse``."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import FileResponse
    from starlette.routing import Route

    port, _, root = said.partition(":")

    async def file(request: Request) -> FileResponse:
        return FileResponse(Path(root) / request.path_params["name"])

    app = Starlette(routes=[Route("/{name}", file)])
    uvicorn.run(app, port=int(port), log_level="warning")


def pull(server: Server, path: str, clients: int, size: int) -> Pull:
    """Let that many clients pull a file at once."""
    before = cpu(server)
    for pid in server.pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{size_download}"]
    if server.token is not None:
        command += ["-u", f"any:{server.token}"]
    began = time.monotonic()
    running = [
        subprocess.Popen([*command, f"{server.url}{path}"], stdout=subprocess.PIPE, text=True)
        for _ in range(clients)
    ]
    said = [process.communicate()[0] for process in running]
    seconds = time.monotonic() - began
    assert said == [f"200 {size}"] * clients, said
    return Pull(seconds, cpu(server) - before, peak_mib(server))


def push(server: Server, root: Path, clients: int, mib: int) -> dict[str, float]:
    """Let that many clients push a file each, and ask for something small meanwhile."""
    from ketch.package import Digest

    curl = ["curl", "-sS", "-u", f"any:{server.token}", "-o", "/dev/null", "-w"]
    files = [root / f"pushed-{number}" for number in range(clients)]
    digests: list[Digest] = []
    for file in files:
        content = os.urandom(1024 * 1024) * mib
        file.write_bytes(content)
        digests.append(Digest.of(content))
    for pid in server.pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    waits: list[float] = []
    began = time.monotonic()
    running = []
    for file, digest in zip(files, digests, strict=True):
        begin = [*curl, "%header{location}", "-X", "POST", f"{server.url}/v2/{NAME}/blobs/uploads/"]
        where = subprocess.run(begin, check=True, capture_output=True, text=True).stdout
        to = f"{server.url}{where}?digest={digest}"
        send = [*curl, "%{http_code}", "-T", str(file), to]
        running.append(subprocess.Popen(send, stdout=subprocess.PIPE, text=True))
    while any(process.poll() is None for process in running):
        asked = [*curl, "%{http_code} %{time_total}", f"{server.url}/v2/{NAME}/tags/list"]
        said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
        assert said[0] == "200"
        waits.append(float(said[1]))
    seconds = time.monotonic() - began
    said = [process.communicate()[0] for process in running]
    assert said == ["201"] * clients, said
    waits.sort()
    return {
        "MiB/s": clients * mib / seconds,
        "peak MiB": peak_mib(server),
        "asked meanwhile, median ms": waits[len(waits) // 2] * 1000,
        "asked meanwhile, p95 ms": waits[int(len(waits) * 0.95)] * 1000,
    }


def cpu(server: Server) -> float:
    """Return the processor time of a server until now, in seconds."""
    total = 0
    for pid in server.pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def peak_mib(server: Server) -> float:
    """Return the peak memory of a server since it was last cleared, all its processes."""
    total = 0
    for pid in server.pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1])
    return total / 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def measure(root: Path, mib: int, clients: int, rounds: int) -> None:
    """Measure everything, and print two tables."""
    home = root / "hub"
    digest = prepare(home, mib)
    name, size = digest.partition(":")[2], mib * 1024 * 1024
    blobs = home / "store" / "blobs" / "sha256"
    for folder in (root, home, home / "store", home / "store" / "blobs"):
        folder.chmod(0o755)
    taken: dict[str, list[Pull]] = {}
    with hub(home) as ours, nginx(root / "nginx", blobs) as peer, starlette(blobs) as plain:
        turns = ((peer, f"/{name}"), (ours, f"/v2/{NAME}/blobs/{digest}"), (plain, f"/{name}"))
        subprocess.run(["cat", blobs / name], stdout=subprocess.DEVNULL, check=True)
        for at in range(rounds):
            for server, path in turns[at % 3 :] + turns[: at % 3]:
                taken.setdefault(server.name, []).append(pull(server, path, clients, size))
        print(f"{clients} clients pull {mib} MiB each\n")
        print("| server | s | GiB/s | of nginx | s of processor | peak MiB |")
        print("|---|---|---|---|---|---|")
        for each, pulls in taken.items():
            ratios = [
                one.seconds / base.seconds for one, base in zip(pulls, taken["nginx"], strict=True)
            ]
            seconds = statistics.median(one.seconds for one in pulls)
            print(
                f"| {each} | {seconds:.2f} | {clients * mib / 1024 / seconds:.2f} "
                f"| {1 / statistics.median(ratios):.2f} "
                f"| {statistics.median(one.cpu_s for one in pulls):.2f} "
                f"| {max(one.peak_mib for one in pulls):.0f} |"
            )
        print(f"\n{clients} clients push {PUSHED_MIB} MiB each\n")
        for what, value in push(ours, root, clients, PUSHED_MIB).items():
            print(f"- {what}: {value:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.serve:
        serve(said.serve)
        return
    root = Path(tempfile.mkdtemp(prefix="ketch-hub-", dir=said.root))
    try:
        measure(root, said.mib, said.clients, said.rounds)
    finally:
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()
