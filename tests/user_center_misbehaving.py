"""A real HTTP receiver that misbehaves on demand and records its requests."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.user_center import SECRET


@dataclass
class Received:
    """One request as a receiver saw it."""

    message: str
    users: dict[str, int]
    events: list[dict[str, Any]]
    started: float
    answer: "int | str" = 0


@dataclass
class Answer:
    """What a misbehaving receiver does with one request: a status, `reset` or `hang`."""

    what: int | str = 200
    headers: dict[str, str] = field(default_factory=dict)


class Misbehaving:
    """A receiver that answers as `decide` returns, and records what it accepted."""

    def __init__(self, decide: Callable[[Received, int], Answer]) -> None:
        self.decide = decide
        self.requests: list[Received] = []
        self.accepted: list[Received] = []
        self.in_flight: dict[str, int] = {}
        self.overlaps: list[str] = []
        self.released = threading.Event()
        self.lock = threading.Lock()

    def versions(self, aor: str) -> list[int]:
        """The versions of one user in the order of acceptance."""
        with self.lock:
            return [r.users[aor] for r in self.accepted if aor in r.users]

    def last(self) -> dict[str, int]:
        """The last accepted version of each user."""
        with self.lock:
            return {aor: version for r in self.accepted for aor, version in r.users.items()}


@contextmanager
def misbehaving(
    decide: Callable[[Received, int], Answer] = lambda _received, _number: Answer(),
) -> Iterator[tuple[str, Misbehaving]]:
    """A real HTTP server; `decide` gets each request and its number, and returns the answer."""
    receiver = Misbehaving(decide)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            Webhook(SECRET).verify(body, dict(self.headers))
            _answer(self, receiver, json.loads(body))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            del format, args

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            del request, client_address  # the client gave up: part of the test

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/presence", receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, receiver: Misbehaving, events: list[Any]) -> None:
    users = {e["data"]["aor"]: e["data"]["version"] for e in events}
    received = Received(
        handler.headers["webhook-id"], users, events, datetime.now(tz=UTC).timestamp()
    )
    with receiver.lock:
        number = len(receiver.requests)
        receiver.requests.append(received)
        receiver.overlaps += [aor for aor in users if receiver.in_flight.get(aor)]
        for aor in users:
            receiver.in_flight[aor] = receiver.in_flight.get(aor, 0) + 1
    answer = receiver.decide(received, number)
    received.answer = answer.what
    if answer.what == "hang":
        receiver.released.wait(30)
    with receiver.lock:
        for aor in users:
            receiver.in_flight[aor] -= 1
        if answer.what == 200:
            receiver.accepted.append(received)
    if answer.what == "reset":
        linger = struct.pack("ii", 1, 0)
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        handler.connection.close()
        handler.close_connection = True
        return
    handler.send_response(answer.what if isinstance(answer.what, int) else 503)
    for name, value in answer.headers.items():
        handler.send_header(name, value)
    handler.send_header("content-length", "0")
    handler.end_headers()
