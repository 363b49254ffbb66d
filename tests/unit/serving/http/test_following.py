"""Files that change while the gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from ketch.serving.http.following import follow
from ketch.serving.http.gate import Gate
from ketch.serving.http.tokens import Tokens


def test_a_token_that_is_taken_out_of_its_file_lets_nobody_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"sha256:{'a' * 64} ana\nsha256:{'b' * 64} bo\n")
    gate = Gate(tokens=Tokens.read(file))

    def read_again() -> None:
        gate.tokens = Tokens.read(file)

    def names() -> list[str]:
        return [] if gate.tokens is None else [name for _, name in gate.tokens.named]

    async def until(claim: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not claim():  # noqa: ASYNC110 # nothing tells of it
                await asyncio.sleep(0.01)

    async def play() -> None:
        following = asyncio.create_task(follow([file], read_again, every_s=0.02))
        await asyncio.sleep(0.1)
        file.write_text(f"sha256:{'b' * 64} bo\n")
        await until(lambda: names() == ["bo"])
        file.write_text("half of a li")
        await until(lambda: "none" in caplog.text)
        assert names() == ["bo"]
        file.unlink()
        await asyncio.sleep(0.1)
        file.write_text(f"sha256:{'c' * 64} cy\n")
        await until(lambda: names() == ["cy"])
        following.cancel()

    with caplog.at_level(logging.WARNING, "ketch.serving"):
        asyncio.run(play())


def test_what_goes_wrong_while_it_reads_is_tried_again_at_the_next_change(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pair that is replaced between two looks at it raises what no check foresaw."""
    file = tmp_path / "certificate"
    file.write_text("one")
    faults: list[Exception] = [OSError("key values mismatch"), RuntimeError("no thread")]
    read: list[str] = []

    def read_again() -> None:
        if faults:
            raise faults.pop(0)
        read.append(file.read_text())

    async def play() -> None:
        following = asyncio.create_task(follow([file], read_again, every_s=0.01))
        for text in ("two!", "three", "fourth"):
            await asyncio.sleep(0.1)
            (tmp_path / "new").write_text(text)
            (tmp_path / "new").replace(file)  # one change, whenever it is looked at
        async with asyncio.timeout(10):
            while not read:  # noqa: ASYNC110 # nothing tells of it
                await asyncio.sleep(0.01)
        following.cancel()

    with caplog.at_level(logging.WARNING, "ketch.serving"):
        asyncio.run(play())
    assert read == ["fourth"]
    assert "key values mismatch" in caplog.text
