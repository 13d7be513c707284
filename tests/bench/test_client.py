"""The load program's client understands what servers send, in whatever pieces it arrives."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from bench.client import Answer, Connection

SIZED = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: gone=; Max-Age=0\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nhello\r\nd;x=y\r\n, \r\n0\r\n\r\n you\r\n0\r\n\r\n"
)


async def received(sent: bytes, cuts: list[int]) -> Answer:
    """Hand an answer to a connection in pieces."""
    connection = Connection()
    waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    connection._waiting = waiting
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        assert not waiting.done(), "an answer was taken for whole before its end"
        connection.data_received(sent[start:end])
    assert waiting.done(), "a whole answer was not seen"
    assert not connection._received, "something of the answer was left for the next one"
    return await waiting


@given(st.sets(st.integers(1, len(SIZED) - 1), max_size=4))
def test_an_answer_with_a_length_is_read_in_any_pieces(cuts: set[int]) -> None:
    answer = asyncio.run(received(SIZED, sorted(cuts)))
    assert (answer.status, answer.body) == (201, b"hello")


@given(st.sets(st.integers(1, len(CHUNKED) - 1), max_size=4))
def test_an_answer_in_chunks_is_read_in_any_pieces(cuts: set[int]) -> None:
    answer = asyncio.run(received(CHUNKED, sorted(cuts)))
    assert (answer.status, answer.body) == (200, b"hello, \r\n0\r\n\r\n you")
    assert answer.cookies() == {"a": "1", "gone": ""}
