"""The NG protocol over UDP and HTTP against a scripted server."""

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.rtpengine.errors import NgError, NgRefused, NgUnreachable, NgUnreadable
from producers.rtpengine.ng import HttpNg, Ng, UdpNg, open_ng, read_answer
from producers.rtpengine.settings import RtpengineSettings

Answer = Callable[[bytes, bytes], list[bytes]]  # cookie, request → what is sent back


@contextmanager
def udp(answer: Answer) -> Iterator[UdpNg]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, peer = server.recvfrom(65_535)
                if data == b"stop":
                    return
                cookie, _, request = data.partition(b" ")
                for part in answer(cookie, request):
                    server.sendto(part, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        address = server.getsockname()
        client = UdpNg(f"127.0.0.1:{address[1]}", 0.3, 500)
        try:
            yield client
        finally:
            client.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as goodbye:
                goodbye.sendto(b"stop", address)
            thread.join()


@contextmanager
def over_http(answer: Answer, status: int = 200) -> Iterator[HttpNg]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/x-rtpengine-ng"
            data = self.rfile.read(int(self.headers["Content-Length"]))
            cookie, _, request = data.partition(b" ")
            body = b"".join(answer(cookie, request))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        client = HttpNg(f"http://127.0.0.1:{server.server_port}/ng", 2, 20_000)
        try:
            yield client
        finally:
            client.close()
            server.shutdown()
            thread.join()


def echo(cookie: bytes, request: bytes) -> list[bytes]:
    received = json.loads(request.decode("utf-8", "surrogateescape"))
    call_id = received.get("call-id", "").encode("utf-8", "surrogateescape")
    return [cookie + b' {"result": "ok", "calls": ["' + call_id + b'"]}']


@pytest.mark.parametrize("way", [udp, over_http])
@pytest.mark.parametrize("call_id", ["a@h", "böb %40 \\ \n@h", "\udcff\udcfe@h"])
def test_a_call_id_comes_back_byte_for_byte(way: Any, call_id: str) -> None:
    def answer(cookie: bytes, request: bytes) -> list[bytes]:
        received = json.loads(request.decode("utf-8", "surrogateescape"))
        text = json.dumps({"result": "ok", "calls": [received["call-id"]]}, ensure_ascii=False)
        return [cookie + b" " + text.encode("utf-8", "surrogateescape")]

    with way(answer) as ng:
        assert ng.ask("query", **{"call-id": call_id})["calls"] == [call_id]


def test_cookies_are_unique_and_a_late_answer_is_skipped() -> None:
    seen: list[bytes] = []

    def answer(cookie: bytes, request: bytes) -> list[bytes]:
        late = [seen[-1] + b' {"result": "ok", "calls": ["late"]}'] if seen else []
        seen.append(cookie)
        return [*late, *echo(cookie, request)]

    with udp(answer) as ng:
        assert ng.ask("list")["calls"] == [""]
        assert ng.ask("query", **{"call-id": "x"})["calls"] == ["x"]
    assert len(set(seen)) == 2


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b'{"result": "error", "error-reason": "Unknown call-id"}', NgRefused),
        (b"{}", NgRefused),
        (b"d6:result2:oke", NgUnreadable),
        (b"[]", NgUnreadable),
        (b"[" * 50_000, NgUnreadable),
        (b"\xff", NgUnreadable),
        (b'{"n": ' + b"9" * 5_000 + b"}", NgUnreadable),
    ],
)
def test_unusable_answers_raise_named_errors(payload: bytes, error: type[NgError]) -> None:
    with udp(lambda cookie, _: [cookie + b" " + payload]) as ng, pytest.raises(error):
        ng.ask("list", limit=500)


def test_missing_answer_and_closed_port_are_unreachable() -> None:
    with udp(lambda *_: []) as ng, pytest.raises(NgUnreachable, match="in time"):
        ng.ask("ping")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    closed = UdpNg(f"127.0.0.1:{port}", 5, 500)
    try:
        with pytest.raises(NgUnreachable, match="refused"):
            closed.ask("ping")
    finally:
        closed.close()


def test_http_error_is_refused_and_missing_server_is_unreachable() -> None:
    with over_http(lambda *_: [b"not found"], 404) as ng, pytest.raises(NgRefused, match="404"):
        ng.ask("list")
    closed = HttpNg("http://127.0.0.1:1/ng", 2, 500)
    try:
        with pytest.raises(NgUnreachable):
            closed.ask("ping")
    finally:
        closed.close()


def test_settings_choose_udp_or_http() -> None:
    chosen: list[Ng] = [
        open_ng(RtpengineSettings(node="r")),
        open_ng(RtpengineSettings(node="r", ng_url="http://127.0.0.1:2225/ng")),
    ]
    assert [type(ng) for ng in chosen] == [UdpNg, HttpNg]
    assert [ng.calls_max for ng in chosen] == [500, 20_000]
    for ng in chosen:
        ng.close()


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_an_answer_or_raise_a_named_error(data: bytes) -> None:
    with contextlib.suppress(NgError):
        assert isinstance(read_answer("list", data), dict)
