"""What the gateway is asked: queries, tokens, origins, settings; and what it answers."""

import json
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from runtime.settings import BadSettings, load
from schemas.codec import InvalidRecord, encode
from sinks.gateway.access import Access, check_origin
from sinks.gateway.errors import BadQuery, NotAllowed, TryElsewhere
from sinks.gateway.gateway import Gateway
from sinks.gateway.listener import listen, subscribers_possible
from sinks.gateway.message import LIVE, presence_message, removal_message
from sinks.gateway.origins import origin_in
from sinks.gateway.query import domain_in, watch_of
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from sinks.gateway.subscriber import Watch
from tests.eventually import eventually
from tests.gateway import TOKEN, EventStream, WebSocket
from tests.user_center import presence

ANN, BOB = "sip:ann@one.test", "sip:bob@one.test"


@pytest.mark.parametrize(
    ("query", "aors", "domains"),
    [
        (b"", [], []),
        (b"aor=sip:ann@one.test", [ANN], []),
        (b"aor=sip%3Aann%40ONE.test%3A5060&aor=sips:bob@one.test;transport=tcp", [ANN, BOB], []),
        (b"aor=sip:+4930@one.test&", ["sip:+4930@one.test"], []),
        (b"domain=ONE.test&domain=two.test", [], ["one.test", "two.test"]),
        (b"domain=[2001:DB8:0:0::1]:5060", [], ["[2001:db8::1]"]),
        (b"domain=one.test&aor=sip:ann@one.test", [ANN], ["one.test"]),
    ],
)
def test_queries(query: bytes, aors: list[str], domains: list[str]) -> None:
    assert watch_of(query) == Watch(frozenset(aors), frozenset(domains))


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (b"aor=", "aor"),
        (b"aor=ann@one.test", "aor"),
        (b"aor=sip:one.test", "aor"),
        (b"aor=sip:ann@one.test&aor=sip:a%20b@one.test", "aor"),
        (b"aor=sip:a%ff@one.test", "aor"),
        (b"aor=sip:\xc3\xa4@one.test", "aor"),
        (b"domain=", "domain"),
        (b"domain=a@b", "domain"),
        (b"domain=one.test;x=y", "domain"),
        (b"domain=one test", "domain"),
        (b"aors=sip:ann@one.test", "aors"),
        (b"Aor=sip:ann@one.test", "Aor"),
    ],
)
def test_bad_queries_name_the_field(query: bytes, field: str) -> None:
    with pytest.raises(BadQuery) as caught:
        watch_of(query)
    assert caught.value.field == field


def test_domains_are_as_aors_have_them() -> None:
    assert domain_in("Sip.Example.TEST") == "sip.example.test"


# -- access ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given", ["", TOKEN, f"Basic {TOKEN}", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}"]
)
def test_without_a_valid_token_nobody_comes_in(given: str) -> None:
    access = Access([SecretStr("another-of-the-tokens"), SecretStr(TOKEN)])
    access.check({"authorization": f"bearer {TOKEN}"})
    with pytest.raises(NotAllowed) as caught:
        access.check({"authorization": given} if given else {})
    assert caught.value.status == 401
    assert TOKEN not in str(caught.value)


def test_without_tokens_it_is_open() -> None:
    Access([]).check({})


def test_a_page_of_another_origin_opens_no_web_socket() -> None:
    check_origin({"host": "presence.test:8096"})
    check_origin({"host": "Presence.test:8096", "origin": "https://presence.test:8096"})
    for origin in ("https://evil.test", "null", "http://presence.test", "http://[", ""):
        with pytest.raises(NotAllowed):
            check_origin({"host": "presence.test:8096", "origin": origin})


def test_pages_of_allowed_origins_are_let_in_by_their_whole_origin() -> None:
    allowed = frozenset({"https://portal.test", "capacitor://localhost", "file://"})
    for origin in allowed:
        check_origin({"host": "presence.test", "origin": origin}, allowed)
    for origin in (
        "http://portal.test",
        "https://portal.test:444",
        "https://portal.test.evil.test",
        "https://evil.test/https://portal.test",
        "capacitor://localhost:1",
        "null",
        "",
        "app://presence.test",  # no page of this host's own, though the names are alike
    ):
        with pytest.raises(NotAllowed):
            check_origin({"host": "presence.test", "origin": origin}, allowed)
    with pytest.raises(NotAllowed):
        check_origin({"origin": "file://"})


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Portal.Example.ORG", "https://portal.example.org"),
        ("HTTPS://portal.example.org:443", "https://portal.example.org"),
        ("http://portal.example.org:80", "http://portal.example.org"),
        ("http://localhost:08080", "http://localhost:8080"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("app://localhost", "app://localhost"),
        ("app://.", "app://."),
        ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
        ("file://", "file://"),
        ("null", "null"),
    ],
)
def test_origins_are_as_browsers_send_them(given: str, origin: str) -> None:
    assert origin_in(given) == origin


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("*", "wildcard"),
        ("https://*.example.org", "wildcard"),
        ("portal.example.org", "scheme"),
        ("portal.example.org:443", "scheme"),
        ("//portal.example.org", "scheme"),
        ("://portal.example.org", "scheme"),
        ("https://portal.example.org/", "path"),
        ("https://portal.example.org/app", "path"),
        ("https://portal.example.org?x", "path"),
        ("capacitor://localhost/", "path"),
        ("file:///", "path"),
        ("wss://portal.example.org", "http"),
        ("https://", "host"),
        ("https://:443", "host"),
        ("https://user@portal.example.org", "host"),
        ("https://bücher.example", "host"),
        ("app://", "host"),
        ("https://portal.example.org:", "port"),
        ("https://portal.example.org:0", "port"),
        ("https://portal.example.org:65536", "port"),
        ("https://portal.example.org:https", "port"),
    ],
)
def test_what_is_no_origin_is_refused_with_the_reason(
    given: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLCALL_GATEWAY_ALLOWED_ORIGINS", f"https://sound.test, {given}")
    with pytest.raises(BadSettings, match=r"gateway\.allowed_origins") as caught:
        load(GatewaySettings)
    assert repr(given) in str(caught.value)
    assert what in str(caught.value).partition("is no origin")[2]


def test_allowed_origins_come_as_one_text_or_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(GatewaySettings).allowed_origins == ()
    monkeypatch.setenv("ROLLCALL_GATEWAY_ALLOWED_ORIGINS", "https://A.test:443, app://localhost")
    found = ("https://a.test", "app://localhost")
    assert load(GatewaySettings).allowed_origins == found
    assert load(GatewaySettings, allowed_origins=list(found)).allowed_origins == found
    assert load(GatewaySettings, allowed_origins="").allowed_origins == ()


# -- settings -------------------------------------------------------------------------------------
def test_tokens_come_as_one_text_or_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(GatewaySettings).tokens == ()
    monkeypatch.setenv("ROLLCALL_GATEWAY_TOKENS", f" {TOKEN}, another-of-the-tokens\n")
    secrets = [token.get_secret_value() for token in load(GatewaySettings).tokens]
    assert secrets == [TOKEN, "another-of-the-tokens"]
    assert load(GatewaySettings, tokens=[TOKEN]).tokens == (SecretStr(TOKEN),)
    assert load(GatewaySettings, tokens="").tokens == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKENS", "short"),
        ("TOKENS", "{no-characters-of-a-token}"),
        ("PORT", "65536"),
        ("SUBSCRIBERS_MAX", "0"),
        ("STALLED_AFTER", "0"),
        ("KEEPALIVE", "0.5"),
    ],
)
def test_settings_that_cannot_work_are_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ROLLCALL_GATEWAY_{name}", value)
    with pytest.raises(BadSettings, match=f"gateway.{name.lower()}") as caught:
        load(GatewaySettings)
    if name == "TOKENS":
        assert value not in str(caught.value)


def test_no_more_subscribers_than_files_may_be_open() -> None:
    assert subscribers_possible(1) == 1
    assert subscribers_possible(10**12) < 10**12


# -- messages -------------------------------------------------------------------------------------
def test_a_message_is_framed_once_and_its_bytes_are_kafkas() -> None:
    value = encode(presence(ANN, 7)).replace(b"{", b'{"later": "f\xc3\xbcr", ', 1)
    message = presence_message(value, 1.5)
    assert (message.value, message.text) == (value, value.decode())
    assert message.sse == b"id: sip:ann@one.test/7\nevent: presence\ndata: " + value + b"\n\n"
    assert (message.aor, message.version, message.domain) == (ANN, 7, "one.test")
    assert LIVE.sse == b'event: live\ndata: {"event":"live"}\n\n'
    assert removal_message(ANN, 0.0).text == '{"event":"removed","aor":"sip:ann@one.test"}'


def test_line_ends_of_a_record_do_not_end_its_event() -> None:
    value = encode(presence(ANN, 7)).replace(b",", b",\r\n\n")
    lines = presence_message(value, 0.0).sse.splitlines()
    assert [line.partition(b":")[0] for line in lines] == [b"id", b"event", b"data", b""]


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b'"version":7', b'"version":0', "version"),
        (b'"version":7', b'"version":"7"', "version"),
        (ANN.encode(), b"sip:ann@ONE.test", "aor"),
        (ANN.encode(), b"sip:ann\\ndata: x@one.test", "aor"),
        (ANN.encode(), b"no user", "aor"),
    ],
)
def test_what_is_no_presence_record_is_refused(old: bytes, new: bytes, field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        presence_message(encode(presence(ANN, 7)).replace(old, new), 0.0)
    assert caught.value.field == field


# -- answers --------------------------------------------------------------------------------------
@pytest.fixture
def gateway() -> Gateway:
    """Knows one user, and is as one that has read everything."""
    found = Gateway(GatewaySettings(port=0))
    found.apply([presence_message(encode(presence(ANN, 7)), 0.0)])
    found.is_caught_up = True
    return found


@pytest.fixture
def server(gateway: Gateway) -> Iterator[Server]:
    """Serves it, without a Kafka behind."""
    found = Server(gateway, GatewaySettings(port=0))
    found.start()
    yield found
    found.stop()
    assert not found.is_alive


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    return httpx.request(method, server.url + path, headers=headers, trust_env=False)


def test_one_user_is_answered_with_the_record(server: Server) -> None:
    for path in ("sip:ann@one.test", "SIP:ann@ONE.test:5060", "sip%3Aann%40one.test"):
        answer = ask(server, f"/presence/{path}")
        assert (answer.status_code, answer.content) == (200, encode(presence(ANN, 7)))
        assert answer.headers["content-type"] == "application/json"
    assert ask(server, f"/presence/{BOB}").json() == {"error": f"no presence of {BOB}"}
    assert ask(server, "/presence/ann").json()["field"] == "aor"
    assert ask(server, "/presence/").status_code == 400


def test_before_everything_was_read_nothing_is_served(gateway: Gateway, server: Server) -> None:
    gateway.is_caught_up = False
    for path in ("/presence", f"/presence/{ANN}"):
        answer = ask(server, path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert gateway.status()["refused"] == {"starting": 2}


def test_only_event_streams_are_streamed(server: Server) -> None:
    assert ask(server, "/presence", accept="application/json").status_code == 406
    head = ask(server, "/presence", "HEAD")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert ask(server, "/presence", "POST").status_code == 405


def test_a_web_socket_is_told_over_both_paths(server: Server) -> None:
    for version, path in enumerate(("/presence", "/presence/ws"), 7):
        with opened(server, f"{path}?aor={ANN}") as client:
            assert json.loads(client.recv(5))["version"] == version
            assert json.loads(client.recv(5)) == {"event": "live"}
            client.send("what a subscriber says is not read")
            server.apply([presence_message(encode(presence(ANN, version + 1)), 0.0)])
            assert json.loads(client.recv(5))["version"] == version + 1


def opened(server: Server, path: str, **headers: str) -> ClientConnection:
    url = server.url.replace("http", "ws", 1) + path
    return connect(url, additional_headers=headers, proxy=None)


PORTAL, APP, ELSEWHERE = "https://portal.test", "capacitor://localhost", "https://evil.test"


@pytest.fixture
def sharing() -> Iterator[Server]:
    """As `server`, for a token, and with pages of two origins."""
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
    # So that a page can tell a wrong token from a network that failed.
    refused = ask(sharing, "/presence", origin=origin)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, origin)


def test_pages_of_other_origins_may_nothing(sharing: Server) -> None:
    token = {"authorization": f"Bearer {TOKEN}"}
    for path in ("/presence", f"/presence/{ANN}"):
        answer = ask(sharing, path, origin=ELSEWHERE, **token)
        assert answer.status_code == 403
        assert "a page of another origin" in answer.json()["error"]
        assert (_cors(answer), answer.headers["vary"]) == ({}, "Origin")
    with pytest.raises(InvalidStatus) as caught:
        opened(sharing, "/presence/ws", origin=ELSEWHERE, **token)
    assert caught.value.response.status_code == 403


def test_programs_send_no_origin_and_are_served_without_cors(sharing: Server) -> None:
    answer = ask(sharing, f"/presence/{ANN}", authorization=f"Bearer {TOKEN}")
    assert (answer.status_code, _cors(answer)) == (200, {})


def test_browsers_ask_before_they_send_a_token(sharing: Server, server: Server) -> None:
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
            "access-control-allow-methods": "GET, HEAD",
            "access-control-allow-headers": "Authorization, Cache-Control, Last-Event-ID",
            "access-control-expose-headers": "Retry-After",
            "access-control-max-age": "600",
        }
        refused = ask(sharing, path, "OPTIONS", origin=ELSEWHERE, **asked)
        assert (refused.status_code, _cors(refused)) == (403, {})
        refused = ask(server, path, "OPTIONS", origin=PORTAL, **asked)  # allows nobody
        assert (refused.status_code, _cors(refused)) == (403, {})
        assert ask(sharing, path, "OPTIONS").status_code == 405


def test_a_query_may_be_long(server: Server) -> None:
    query = "&".join(f"aor=sip:{number:07}@one.test" for number in range(2_410))
    assert len(query) > 60_000
    with opened(server, f"/presence/ws?aor={ANN}&{query}") as client:
        assert json.loads(client.recv(5))["aor"] == ANN
    url = f"{server.url}/presence?{query}"
    with httpx.stream("GET", url, trust_env=False) as answer:
        assert answer.status_code == 200


def test_a_web_socket_that_is_refused_says_why(gateway: Gateway, server: Server) -> None:
    for path, headers, status in (
        ("/presence/ws?aor=x", {}, 400),
        ("/presence/ws", {"origin": "https://evil.test"}, 403),
    ):
        with pytest.raises(InvalidStatus) as caught:
            opened(server, path, **headers)
        assert caught.value.response.status_code == status
    assert gateway.status()["refused"] == {"bad-query": 1, "origin": 1}


def test_a_subscriber_that_leaves_is_forgotten(gateway: Gateway, server: Server) -> None:
    with (
        httpx.stream("GET", f"{server.url}/presence", trust_env=False),
        opened(server, "/presence/ws") as client,
    ):
        eventually(lambda: gateway.status()["subscribers"] == {"sse": 1, "websocket": 1})
        client.recv(5)
    eventually(lambda: gateway.status()["subscribers"] == {"sse": 0, "websocket": 0})


def test_a_breach_of_the_protocol_ends_that_web_socket_only(
    gateway: Gateway, server: Server
) -> None:
    with opened(server, "/presence/ws") as other, opened(server, "/presence/ws") as client:
        client.socket.sendall(bytes(range(256)))
        eventually(lambda: gateway.status()["subscribers"]["websocket"] == 1)
        server.apply([presence_message(encode(presence(ANN, 9)), 0.0)])
        while json.loads(other.recv(5)).get("version") != 9:
            pass


def test_at_the_end_all_are_sent_elsewhere(gateway: Gateway) -> None:
    server = Server(gateway, GatewaySettings(port=0))
    server.start()
    stream, web_socket = EventStream(server.url, ""), WebSocket(server.url, "")
    assert stream.wait_live().last == web_socket.wait_live().last == {ANN: 7}
    server.stop()
    eventually(lambda: stream.ended and web_socket.ended)
    assert (stream.ended, web_socket.ended) == ("closed", 1001)
    with pytest.raises(TryElsewhere):
        gateway.admit()


def test_a_port_that_is_taken_is_named(server: Server) -> None:
    port = int(server.url.rpartition(":")[2])
    with pytest.raises(BadSettings, match=f"gateway.port={port}"):
        listen(GatewaySettings(port=port))
