"""Rows to the challenger over a socket file: to the right replica and back, and no question is left without an answer."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from churn_serving import row_channel as module
from churn_serving.challenger import WrongModel
from churn_serving.row_channel import Answerer, RowChannel, answer_rows
from churn_tests.serving.event_loop import in_event_loop, until

DIGEST, OTHER = "d" * 64, "e" * 64


def echo(digest: str, rows: bytes) -> bytes:
    """Answer with the question; another model, and rows that fail, are known by their content."""
    if digest == OTHER:
        raise WrongModel
    if rows == b"fail":
        raise ArithmeticError("3471234567")
    return digest[:4].encode() + rows


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rows"


@asynccontextmanager
async def connected(folder: Path, answer: Answerer = echo) -> AsyncIterator[RowChannel]:
    """Let a replica answer in this process, and connect to it."""
    server = await answer_rows(folder, answer)
    channel = RowChannel(folder)
    await channel.look()
    try:
        yield channel
    finally:
        channel.close()
        server.close()


@in_event_loop
async def test_rows_reach_the_replica_and_the_answer_comes_back(folder: Path) -> None:
    async with connected(folder) as channel:
        assert channel.in_use
        assert await channel.ask(DIGEST, b"rows") == b"ddddrows"
        assert await channel.ask(DIGEST, b"") == b"dddd"
        assert await channel.ask(DIGEST, b"x" * 5_000_000) == b"dddd" + b"x" * 5_000_000


@in_event_loop
async def test_many_questions_at_once_each_get_their_own_answer(folder: Path) -> None:
    async with connected(folder) as channel:
        questions = [str(number).encode() * (number % 50) for number in range(300)]

        answers = await asyncio.gather(*(channel.ask(DIGEST, each) for each in questions))

    assert answers == [b"dddd" + each for each in questions]


@in_event_loop
async def test_another_model_and_a_failure_are_told_apart_and_the_next_question_is_answered(
    folder: Path,
) -> None:
    async with connected(folder) as channel:
        with pytest.raises(WrongModel):
            await channel.ask(OTHER, b"rows")
        with pytest.raises(ConnectionError, match=r"^the challenger could not score$"):
            await channel.ask(DIGEST, b"fail")
        assert await channel.ask(DIGEST, b"rows") == b"ddddrows"


@in_event_loop
async def test_without_a_replica_the_channel_says_so(folder: Path) -> None:
    channel = RowChannel(folder)
    await channel.look()

    assert not channel.in_use
    with pytest.raises(ConnectionError, match="no replica"):
        await channel.ask(DIGEST, b"rows")


@in_event_loop
async def test_who_waits_no_longer_disturbs_nobody(folder: Path) -> None:
    async with connected(folder) as channel:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.0):
                await channel.ask(DIGEST, b"first")
        assert await channel.ask(DIGEST, b"second") == b"ddddsecond"


REPLICA = """
import asyncio, os, sys
from pathlib import Path
from churn_serving.row_channel import answer_rows

def answer(digest, rows):
    if rows == b"die":
        os._exit(1)
    return str(os.getpid()).encode()

async def serve():
    await answer_rows(Path(sys.argv[1]), answer)
    print("here", flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


def replica(folder: Path) -> subprocess.Popen[str]:
    """Start a replica in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", REPLICA, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    return process


@in_event_loop
async def test_replicas_are_asked_in_turn_and_one_that_dies_is_noticed_at_once_and_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_EVERY_S", 0.02)
    first, second = replica(folder), replica(folder)
    channel = RowChannel(folder)
    watch = asyncio.get_running_loop().create_task(channel.watch())
    try:
        await until(lambda: len(channel._connections) == 2)
        asked = [await channel.ask(DIGEST, b"") for _ in range(6)]
        assert sorted(asked) == sorted([str(each.pid).encode() for each in (first, second)] * 3)

        with pytest.raises(ConnectionError):
            await channel.ask(DIGEST, b"die")
        await until(lambda: first.poll() is not None or second.poll() is not None)
        dead, survivor = (first, second) if first.poll() is not None else (second, first)
        await until(lambda: not (folder / f"{dead.pid}.sock").exists())
        assert {await channel.ask(DIGEST, b"") for _ in range(4)} == {str(survivor.pid).encode()}

        third = replica(folder)
        await until(lambda: len(channel._connections) == 2)
        assert {await channel.ask(DIGEST, b"") for _ in range(4)} == {
            str(each.pid).encode() for each in (survivor, third)
        }
        third.kill()
        third.wait()
    finally:
        watch.cancel()
        channel.close()
        for each in (first, second):
            each.kill()
            each.wait()


@in_event_loop
async def test_a_question_that_a_dying_replica_leaves_open_is_answered_with_an_error(folder: Path) -> None:
    process = replica(folder)
    channel = RowChannel(folder)
    await channel.look()
    asked = [asyncio.ensure_future(channel.ask(DIGEST, rows)) for rows in (b"die", b"after", b"it")]

    found = await asyncio.gather(*asked, return_exceptions=True)

    process.wait()
    assert all(isinstance(each, ConnectionError) for each in found)
    await until(lambda: not channel._connections)
    assert channel.in_use, "another replica is awaited here, not asked for elsewhere"


@in_event_loop
async def test_what_is_no_question_costs_the_connection_and_nothing_else(folder: Path) -> None:
    async with connected(folder) as channel:
        path = str(folder / f"{os.getpid()}.sock")
        for junk in (struct.pack("<I", 2**32 - 1), struct.pack("<I", 0), struct.pack("<I", 2) + b"ab"):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(path)
                stranger.sendall(junk)
                await asyncio.sleep(0.02)
        assert await channel.ask(DIGEST, b"rows") == b"ddddrows"


@in_event_loop
async def test_nobody_but_the_owner_can_open_the_file(folder: Path) -> None:
    async with connected(folder):
        assert os.stat(folder).st_mode & 0o077 == 0  # noqa: PTH116  nobody else waits in this loop
