"""A real server with a connection guard: clients that send or read too slowly, or too much."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from runtime.connection_guard import ConnectionGuard, ConnectionLimits
from runtime.guarded_http import (
    HEAD_BYTES_MAX,
    ON_DISCONNECT,
    end_late_request,
    guarded,
    guarded_web_socket,
)
from tests.eventually import eventually

LIMITS: dict[str, Any] = {
    "total": 1_000,
    "pending": 50,
    "per_address": 1_000,
    "request_seconds": 60.0,
    "stalled_seconds": 60.0,
    "buffered_bytes": 1_000_000_000,
}
MEGABYTES_8 = b"x" * 8_000_000
GONE: list[str] = []


async def _echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


async def _large(request: Request) -> Response:
    del request
    return Response(MEGABYTES_8)


async def _until_gone(request: Request) -> Response:
    """Answers when its client has disconnected, which its query names in GONE."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    GONE.append(str(request.url.query))
    return Response()


async def _told(request: Request) -> Response:
    """Has its query added to GONE by the server: told while connected, or after that (`late`)."""
    query = str(request.url.query)
    if query == "late":
        await _until_gone(request)
        GONE.remove(query)
    request.scope["extensions"][ON_DISCONNECT]["call"](partial(GONE.append, query))
    while query == "open" and (await request.receive())["type"] != "http.disconnect":
        pass
    return Response()


async def _flood(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(Exception):
        while True:
            await websocket.send_bytes(MEGABYTES_8)
            await asyncio.sleep(0)


@contextmanager
def serving(**limits: Any) -> Iterator[tuple[int, ConnectionGuard]]:
    """A server with these limits: its port and its guard."""
    guard = ConnectionGuard(ConnectionLimits(**{**LIMITS, **limits}), timed_out=end_late_request)
    routes = [
        Route("/", _echo, methods=["GET", "POST"]),
        Route("/large", _large),
        Route("/until-gone", _until_gone),
        Route("/told", _told),
        WebSocketRoute("/", _flood),
    ]
    config = uvicorn.Config(
        Starlette(routes=routes),
        log_config=None,
        access_log=False,
        http=guarded(guard),
        ws=guarded_web_socket(guard),
        timeout_graceful_shutdown=1,
    )
    listener = socket.create_server(("127.0.0.1", 0), backlog=2_000)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1], guard
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()


def opened(port: int, data: bytes = b"") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(data)
    return client


def rest_of(client: socket.socket) -> bytes:
    """What is received until the server closes; empty where it resets."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := client.recv(65_536):
            data += part
    return data


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (b"", b""),
        (b"GET / HTT", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-a: b\r\n", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nslow", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT", b"HTTP/1.1 200 "),
    ],
)
def test_a_request_that_does_not_end_is_ended(data: bytes, answer: bytes) -> None:
    with serving(request_seconds=1.0) as (port, guard), closing(opened(port, data)) as client:
        began = time.monotonic()
        received = rest_of(client)
        assert 0.5 <= time.monotonic() - began < 8
        assert received.startswith(answer)
        assert bool(received) == bool(answer)
        eventually(lambda: len(guard) == 0)


def test_a_request_that_comes_byte_by_byte_has_no_longer() -> None:
    with (
        serving(request_seconds=1.0) as (port, _),
        closing(opened(port, b"GET / HTTP/1.1\r\n")) as c,
    ):
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < 10:
                c.sendall(b"T")
                c.settimeout(0.05)
                with contextlib.suppress(TimeoutError):
                    if not c.recv(100).startswith(b"HTTP/1.1 408"):
                        break
        assert time.monotonic() - began < 8


def test_others_are_served_among_connections_that_send_nothing() -> None:
    with serving() as (port, guard), ExitStack() as idle:
        for number in range(300):
            idle.enter_context(closing(opened(port, b"" if number % 2 else b"GET / HTTP/1.1\r\n")))
        with httpx.Client(trust_env=False) as client:
            for _ in range(20):
                assert client.get(f"http://127.0.0.1:{port}/").status_code == 200
        assert guard.pending <= LIMITS["pending"]


def test_a_full_server_serves_a_new_connection_instead_of_a_pending_one() -> None:
    with serving(total=20) as (port, guard), ExitStack() as idle:
        for _ in range(40):
            idle.enter_context(closing(opened(port)))
        answer = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        assert answer.status_code == 200
        assert len(guard) <= 20


def test_an_address_with_too_many_gets_429() -> None:
    with serving(per_address=2) as (port, guard), ExitStack() as idle:
        for _ in range(2):
            idle.enter_context(closing(opened(port)))
        eventually(lambda: len(guard) == 2)
        answer = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        with pytest.raises(InvalidStatus) as caught:
            connect(f"ws://127.0.0.1:{port}/", proxy=None)
        assert caught.value.response.status_code == 429


@pytest.mark.parametrize("limit", [{"stalled_seconds": 1.0}, {"buffered_bytes": 1_000_000}])
@pytest.mark.parametrize("path", ["/large", "ws"])
def test_a_client_that_does_not_read_is_disconnected(limit: dict[str, Any], path: str) -> None:
    with serving(**limit) as (port, guard), ExitStack() as clients:
        if path == "ws":
            clients.enter_context(connect(f"ws://127.0.0.1:{port}/", proxy=None, max_queue=1))
        else:
            request = f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()
            clients.enter_context(closing(opened(port, request)))
        eventually(lambda: len(guard) == 1)
        eventually(lambda: len(guard) == 0, what="dropped")


def test_a_slow_reader_that_takes_all_gets_all() -> None:
    with serving(stalled_seconds=60) as (port, _):
        client = opened(port, b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        with closing(client):
            assert len(rest_of(client)) > len(MEGABYTES_8)


def test_a_web_socket_counts_until_it_is_closed() -> None:
    with serving(request_seconds=1.0) as (port, guard):
        with connect(f"ws://127.0.0.1:{port}/", proxy=None, max_size=None) as client:
            began = time.monotonic()
            while time.monotonic() - began < 2:
                assert client.recv(10)
            assert (len(guard), guard.pending) == (1, 0)
        eventually(lambda: len(guard) == 0)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * HEAD_BYTES_MAX + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 2 * HEAD_BYTES_MAX,
        b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * HEAD_BYTES_MAX,
    ],
)
def test_a_head_that_is_too_long_gets_400(head: bytes) -> None:
    with serving() as (port, _), closing(opened(port)) as client:
        with contextlib.suppress(ConnectionError):
            for begin in range(0, len(head), 1_000):
                client.sendall(head[begin : begin + 1_000])
        with contextlib.suppress(ConnectionError):  # a part was not read yet
            assert rest_of(client).startswith(b"HTTP/1.1 400 ")
        assert httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code == 200


def test_requests_sent_at_once_are_answered_in_order() -> None:
    one = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n"
    data = "".join(f"{one}{number}" for number in range(5))
    end = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    with serving() as (port, _), closing(opened(port, (data + end).encode())) as client:
        answers = rest_of(client).split(b"HTTP/1.1 ")
        assert [answer[:3] for answer in answers[1:]] == [b"200"] * 6
        assert [answer[-1:] for answer in answers[1:-1]] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_client_that_sends_too_many_at_once_is_disconnected() -> None:
    data = b"GET /until-gone?many HTTP/1.1\r\nhost: x\r\n\r\n" * 50
    with serving() as (port, guard), closing(opened(port, data)) as client:
        assert rest_of(client).startswith(b"HTTP/1.1 400 ")
        eventually(lambda: len(guard) == 0)
        eventually(lambda: "many" in GONE, what="the first handler's end")


def test_every_request_ends_with_its_connection() -> None:
    """Also the first of several that were sent at once."""
    data = b"".join(b"GET /until-gone?%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in (1, 2, 3))
    with serving() as (port, guard):
        client = opened(port, data)
        eventually(lambda: len(guard) == 1 and guard.pending == 0, what="received")
        client.close()
        eventually(lambda: "1" in GONE, what="the first request's end")
        eventually(lambda: len(guard) == 0)


def test_a_head_without_a_body_is_sent() -> None:
    with serving() as (port, _), closing(opened(port)) as client:
        for request in (b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n",) * 2:
            client.sendall(request)
            assert client.recv(65_536).startswith(b"HTTP/1.1 200")


def test_a_client_that_waits_with_its_body_is_asked_for_it() -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    with serving() as (port, _), closing(opened(port, head)) as client:
        assert client.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        answer = client.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize("query", ["open", "late"])
def test_a_handler_is_told_that_its_client_is_gone(query: str) -> None:
    GONE.clear()
    with serving() as (port, guard):
        opened(port, f"GET /told?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode()).close()
        eventually(lambda: query in GONE, what="told")
        eventually(lambda: len(guard) == 0)
    assert GONE.count(query) == len(GONE) == 1


def test_who_has_answered_is_not_told() -> None:
    GONE.clear()
    with serving() as (port, guard):
        with closing(opened(port, b"GET /told?answered HTTP/1.1\r\nhost: x\r\n\r\n")) as client:
            assert client.recv(1_000).startswith(b"HTTP/1.1 200 ")
        eventually(lambda: len(guard) == 0)
    assert not GONE
