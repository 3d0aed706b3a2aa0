"""The HTTP interface of the gateway: records, streams, WebSockets, CORS, and the stop."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from schemas.codec import encode
from sinks.gateway.access.identity import Identity
from sinks.gateway.errors import TryElsewhere
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import presence_message
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.eventually import eventually
from tests.gateway import TOKEN, EventStream, WebSocket
from tests.user_center import presence

ANN, BOB = "sip:ann@one.test", "sip:bob@one.test"


@pytest.fixture
def gateway() -> Gateway:
    """With one user, and the topic read."""
    found = Gateway(GatewaySettings(port=0))
    found.apply([presence_message(encode(presence(ANN, 7)), 0.0)])
    found.is_caught_up = True
    return found


@pytest.fixture
def server(gateway: Gateway) -> Iterator[Server]:
    """Serves the gateway, without Kafka."""
    found = Server(gateway, GatewaySettings(port=0))
    found.start()
    yield found
    found.stop()
    assert not found.is_alive


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, server.url + path, headers=headers, trust_env=False)


def test_one_users_record_is_served_as_json(server: Server) -> None:
    for path in ("sip:ann@one.test", "SIP:ann@ONE.test:5060", "sip%3Aann%40one.test"):
        answer = ask(server, f"/presence/{path}")
        assert (answer.status_code, answer.content) == (200, encode(presence(ANN, 7)))
        assert answer.headers["content-type"] == "application/json"
    assert ask(server, f"/presence/{BOB}").json() == {"error": f"no presence of {BOB}"}
    assert ask(server, "/presence/ann").json()["field"] == "aor"
    assert ask(server, "/presence/").status_code == 400


def test_until_the_topic_is_read_requests_get_503(gateway: Gateway, server: Server) -> None:
    gateway.is_caught_up = False
    for path in ("/presence", f"/presence/{ANN}"):
        answer = ask(server, path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert gateway.status()["refused"] == {"starting": 2}


def test_other_types_and_methods_are_refused(server: Server) -> None:
    assert ask(server, "/presence", accept="application/json").status_code == 406
    head = ask(server, "/presence", "HEAD")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert ask(server, "/presence", "POST").status_code == 405


def test_both_web_socket_paths_send_state_and_changes(server: Server) -> None:
    for version, path in enumerate(("/presence", "/presence/ws"), 7):
        with opened(server, f"{path}?aor={ANN}") as client:
            assert json.loads(client.recv(5))["version"] == version
            assert json.loads(client.recv(5))["event"] == "live"
            client.send("this is no command")
            assert json.loads(client.recv(5))["field"] == "message"
            server.apply([presence_message(encode(presence(ANN, version + 1)), 0.0)])
            assert json.loads(client.recv(5))["version"] == version + 1


def opened(server: Server, path: str, **headers: str) -> ClientConnection:
    url = server.url.replace("http", "ws", 1) + path
    return connect(url, additional_headers=headers, proxy=None)


PORTAL, APP, ELSEWHERE = "https://portal.test", "capacitor://localhost", "https://evil.test"


@pytest.fixture
def sharing() -> Iterator[Server]:
    """As `server`, with a token and two allowed origins."""
    settings = GatewaySettings(port=0, tokens=(SecretStr(TOKEN),), allowed_origins=(PORTAL, APP))
    gateway = Gateway(settings)
    gateway.apply([presence_message(encode(presence(ANN, 7)), 0.0)])
    gateway.is_caught_up = True
    found = Server(gateway, settings)
    found.start()
    yield found
    found.stop()


def _cors(answer: httpx.Response) -> dict[str, str]:
    return {n: v for n, v in answer.headers.items() if n.startswith("access-control-")}


@pytest.mark.parametrize("origin", [PORTAL, APP])
def test_pages_of_allowed_origins_may_read(sharing: Server, origin: str) -> None:
    token = {"authorization": f"Bearer {TOKEN}"}
    url = f"{sharing.url}/presence?aor={ANN}"
    headers = {"origin": origin, "last-event-id": "x", **token}
    with httpx.stream("GET", url, headers=headers, trust_env=False) as stream:
        assert stream.status_code == 200
        assert stream.headers["access-control-allow-origin"] == origin
        assert stream.headers["vary"] == "Origin"
        assert next(iter(stream.iter_text())).startswith("retry:")
    one = ask(sharing, f"/presence/{ANN}", origin=origin, **token)
    assert (one.status_code, one.headers["access-control-allow-origin"]) == (200, origin)
    with opened(sharing, f"/presence/ws?aor={ANN}", origin=origin, **token) as client:
        assert json.loads(client.recv(5))["version"] == 7
    # A page can then distinguish a wrong token from a network error.
    refused = ask(sharing, "/presence", origin=origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)


def test_pages_of_other_origins_are_refused(sharing: Server) -> None:
    token = {"authorization": f"Bearer {TOKEN}"}
    for path in ("/presence", f"/presence/{ANN}"):
        answer = ask(sharing, path, origin=ELSEWHERE, **token)
        assert answer.status_code == 403
        assert "a page of another origin" in answer.json()["error"]
        assert (_cors(answer), answer.headers["vary"]) == ({}, "Origin")
    with pytest.raises(InvalidStatus) as caught:
        opened(sharing, "/presence/ws", origin=ELSEWHERE, **token)
    assert caught.value.response.status_code == 403


def test_a_request_without_origin_is_served_without_cors_headers(sharing: Server) -> None:
    answer = ask(sharing, f"/presence/{ANN}", authorization=f"Bearer {TOKEN}")
    assert (answer.status_code, _cors(answer)) == (200, {})


def test_preflights_need_no_token(sharing: Server, server: Server) -> None:
    asked = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "authorization,last-event-id",
    }
    for path in ("/presence", f"/presence/{ANN}"):
        answer = ask(sharing, path, "OPTIONS", origin=PORTAL, **asked)
        assert answer.status_code == 204
        assert answer.headers["vary"] == "Origin"
        assert _cors(answer) == {
            "access-control-allow-origin": PORTAL,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "GET, HEAD, POST",
            "access-control-allow-headers": "Authorization, Cache-Control, Content-Type, "
            "If-None-Match, Last-Event-ID",
            "access-control-expose-headers": "ETag, Retry-After, WWW-Authenticate",
            "access-control-max-age": "600",
        }
        refused = ask(sharing, path, "OPTIONS", origin=ELSEWHERE, **asked)
        assert (refused.status_code, _cors(refused)) == (403, {})
        refused = ask(server, path, "OPTIONS", origin=PORTAL, **asked)  # allows no origin
        assert (refused.status_code, _cors(refused)) == (403, {})
        assert ask(sharing, path, "OPTIONS").status_code == 405


def test_a_query_may_have_60_kilobytes(server: Server) -> None:
    query = "&".join(f"aor=sip:{number:07}@one.test" for number in range(2_410))
    assert len(query) > 60_000
    with opened(server, f"/presence/ws?aor={ANN}&{query}") as client:
        assert json.loads(client.recv(5))["aor"] == ANN
    url = f"{server.url}/presence?{query}"
    with httpx.stream("GET", url, trust_env=False) as answer:
        assert answer.status_code == 200


def test_a_refused_web_socket_gets_a_status(gateway: Gateway, server: Server) -> None:
    for path, headers, status in (
        ("/presence/ws?aor=x", {}, 400),
        ("/presence/ws", {"origin": "https://evil.test"}, 403),
    ):
        with pytest.raises(InvalidStatus) as caught:
            opened(server, path, **headers)
        assert caught.value.response.status_code == status
    assert gateway.status()["refused"] == {"bad-query": 1, "origin": 1}


def test_a_subscriber_that_disconnects_is_forgotten(gateway: Gateway, server: Server) -> None:
    with (
        httpx.stream("GET", f"{server.url}/presence", trust_env=False),
        opened(server, "/presence/ws") as client,
    ):
        eventually(
            lambda: gateway.status()["subscribers"] == {"sse": 1, "websocket": 1, "board": 0}
        )
        client.recv(5)
    eventually(lambda: not any(gateway.status()["subscribers"].values()))


def test_a_protocol_error_ends_that_web_socket_only(gateway: Gateway, server: Server) -> None:
    with opened(server, "/presence/ws") as other, opened(server, "/presence/ws") as client:
        client.socket.sendall(bytes(range(256)))
        eventually(lambda: gateway.status()["subscribers"]["websocket"] == 1)
        server.apply([presence_message(encode(presence(ANN, 9)), 0.0)])
        while json.loads(other.recv(5)).get("version") != 9:
            pass


def test_a_stop_ends_all_subscriptions(gateway: Gateway) -> None:
    server = Server(gateway, GatewaySettings(port=0))
    server.start()
    stream, web_socket = EventStream(server.url, ""), WebSocket(server.url, "")
    assert stream.wait_live().last == web_socket.wait_live().last == {ANN: 7}
    server.stop()
    eventually(lambda: stream.ended and web_socket.ended)
    assert (stream.ended, web_socket.ended) == ("closed", 1001)
    with pytest.raises(TryElsewhere):
        gateway.admit(Identity("x"))


def test_what_comes_is_applied_together_for_longer_while_the_thread_is_busy(
    server: Server,
) -> None:
    usual = server.together()

    def work() -> None:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass

    def is_longer() -> bool:
        server.call(work)
        return server.together() > usual

    eventually(is_longer, interval=0.01)
    eventually(lambda: server.together() == usual)
