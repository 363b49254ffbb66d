"""A gateway with a keeper, as tests run it: ``gateway.py KIND``; it prints its port and pids."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

from ketch.serving.http.keeper import Start, keep
from ketch.serving.http.listener import Listener


def inherited() -> list[str]:
    """Return what a program that is started from here would find open."""
    code = "import json, os; print(json.dumps([os.readlink(f'/proc/self/fd/{n}')"
    code += " for n in range(3, 64) if os.path.exists(f'/proc/self/fd/{n}')]))"
    done = subprocess.run(
        [sys.executable, "-c", code], close_fds=False, capture_output=True, check=True
    )
    found: list[str] = json.loads(done.stdout)
    return found


def main(kind: str, listener: Listener) -> int:
    def run(start: Start) -> int:
        if kind == "fails at first":
            return 3
        if kind == "fails ever after" and start.count:
            return 3
        if kind == "fails later" and start.count in {1, 2}:
            return 3
        return asyncio.run(serve(start))

    async def serve(start: Start) -> int:
        from ketch.serving.http.gate import Gate
        from ketch.serving.http.messages import Request, Response
        from ketch.serving.http.server import serve_http

        def app(request: Request) -> Response:
            if request.path == "/end":
                os._exit(int(request.query))
            if request.path == "/return":
                stop.set()
            if request.path == "/descriptors":
                return Response(body=json.dumps(inherited()).encode())
            return Response(body=f"{os.getpid()} {start.count}".encode())

        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(one, stop.set)
        if kind == "does not stop":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        async with serve_http(
            app, listener.sockets, admit=Gate().admit, refuse=lambda *_: Response(400)
        ):
            start.is_ready()
            told = {"port": listener.sockets[0].getsockname()[1], "pid": os.getpid()}
            print(json.dumps(told), flush=True)
            await stop.wait()
        return 5 if kind == "returns 5" else 0

    if listener.is_held:
        return run(listener.start)
    return keep(run, listener.sockets, stop_s=1.0)


if __name__ == "__main__":
    status = main(sys.argv[1], Listener.open("127.0.0.1", 0))
    print(f"the keeper ends with {status}", file=sys.stderr)
    sys.exit(status)
