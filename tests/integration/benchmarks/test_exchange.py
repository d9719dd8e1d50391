"""Requests on connections that break."""

from __future__ import annotations

import asyncio

from benchmarks.deployed import Place
from benchmarks.load.exchange import Exchange
from benchmarks.load.mix import Call
from benchmarks.load.samples import Answer

READ = Call("info", "/api/hubspot/deal-info?dealName=Acme%20%26%20S%C3%B6hne")
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Cache-Tier: memory\r\nETag: "1"\r\n\r\n{}'


def answers(count: int, answers_per_connection: int) -> tuple[list[Answer], list[bytes]]:
    """The answers to so many reads by a server that hangs up instead of answering more; and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(answers_per_connection):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(ANSWER)
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def work() -> list[Answer]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, Exchange(Place(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), 3) as exchange:
            return [await exchange.send(READ) for _ in range(count)]

    return asyncio.run(work()), asked


def test_an_answer_is_read_with_what_it_tells() -> None:
    (answer,), (asked,) = answers(1, 1)
    assert answer == Answer(200, "memory", '"1"')
    assert asked.startswith(b"GET /api/hubspot/deal-info?dealName=Acme%20%26%20S%C3%B6hne HTTP/1.1\r\n")


def test_a_connection_that_breaks_before_any_answer_is_told() -> None:
    ((status, _, _, fault),), _ = answers(1, 0)
    assert status == 0
    assert fault.startswith("broken connection (")


def test_a_connection_that_breaks_later_is_told_though_the_library_asks_again() -> None:
    first, second = answers(2, 1)[0]
    assert first.fault == ""
    assert (second.status, second.fault) == (200, "broken connection (answered when asked again)")
