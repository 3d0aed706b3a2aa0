"""The head of a response, sent with what follows it."""

import asyncio

from runtime.joined_head import JoinedHead


class Sent(asyncio.Transport):
    """What was written, and whether it was closed then."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5060)})
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True


def test_the_head_is_sent_with_the_beginning_of_the_body() -> None:
    sent = Sent()
    response = JoinedHead(sent)
    response.write(b"HTTP/1.1 200 OK\r\n\r\n")
    assert sent.written == []
    response.write(b"one")
    response.write(b"two")
    response.flush()
    assert sent.written == [b"HTTP/1.1 200 OK\r\n\r\none", b"two"]


def test_a_head_alone_is_sent_once_by_flush_or_close() -> None:
    for end in (JoinedHead.flush, JoinedHead.close):
        sent = Sent()
        response = JoinedHead(sent)
        response.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        end(response)
        response.flush()
        assert sent.written == [b"HTTP/1.1 204 No Content\r\n\r\n"]
        assert sent.is_closed is (end is JoinedHead.close)


def test_an_interim_response_is_sent_at_once() -> None:
    sent = Sent()
    response = JoinedHead(sent)
    response.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    response.write(b"HTTP/1.1 200 OK\r\n\r\n")
    response.write(b"abc")
    assert sent.written == [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nabc"]


def test_all_else_is_the_connections_own() -> None:
    assert JoinedHead(Sent()).get_extra_info("peername") == ("192.0.2.1", 5060)
