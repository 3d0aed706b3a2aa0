"""JWTs, cookies and tickets over HTTP: who is served, what they see, and when their stream ends."""

import json
import socket
import time
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from schemas.codec import encode
from sinks.gateway.access.settings import JwtSettings
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import presence_message
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.eventually import eventually
from tests.gateway import TOKEN, EventStream, WebSocket
from tests.hostile_tokens import HOSTILE
from tests.tokens import AUDIENCE, ISSUER, Issuer
from tests.user_center import presence, serving

ANN, EVE = "sip:ann@one.test", "sip:eve@two.test"
PORTAL = "https://portal.test"
COOKIE = "__Secure-rollcall"
SIGNER, STRANGER, LATER = Issuer(), Issuer(), Issuer(kid="key-2")


@pytest.fixture(scope="module")
def issuer() -> Iterator[tuple[str, list[bytes]]]:
    """The URL of the issuer's JWK Set, and what it answers."""
    answer = [SIGNER.jwks()]

    def keys(request: Request) -> Response:
        del request
        return Response(answer[0], media_type="application/json")

    with serving(Starlette(routes=[Route("/jwks", keys)])) as url:
        yield f"{url}/jwks", answer


@pytest.fixture(scope="module")
def gateway(issuer: tuple[str, list[bytes]]) -> Gateway:
    """With one user in each of two domains."""
    jwt = JwtSettings.model_validate(
        {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": issuer[0], "refresh": 1}
    )
    settings = GatewaySettings(
        port=0,
        tokens=(SecretStr(TOKEN),),
        jwt=jwt,
        allowed_origins=(PORTAL,),
        allowed_hosts=("127.0.0.1", "presence.test"),
    )
    found = Gateway(settings)
    found.apply([presence_message(encode(presence(aor, 1)), 0.0) for aor in (ANN, EVE)])
    found.is_caught_up = True
    return found


@pytest.fixture(scope="module")
def server(gateway: Gateway) -> Iterator[Server]:
    found = Server(gateway, GatewaySettings(port=0))
    found.start()
    eventually(lambda: get(found, f"/presence/{ANN}", SIGNER.token()).status_code == 200)
    yield found
    found.stop()


def get(server: Server, path: str, token: str | None = None, **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        given["authorization"] = f"Bearer {token}"
    return httpx.get(server.url + path, headers=given, trust_env=False)


def post_ticket(server: Server, token: str, body: bytes = b"", **headers: str) -> httpx.Response:
    headers["authorization"] = f"Bearer {token}"
    return httpx.post(f"{server.url}/v1/tickets", content=body, headers=headers, trust_env=False)


def test_a_token_shows_its_domain(server: Server) -> None:
    token = SIGNER.token()
    assert get(server, f"/presence/{ANN}", token).json()["aor"] == ANN
    assert get(server, f"/presence/{EVE}", token).status_code == 404
    bearer = {"authorization": f"Bearer {token}"}
    assert EventStream(server.url, "", bearer).wait_live().last == {ANN: 1}
    assert get(server, f"/presence/{EVE}", TOKEN).status_code == 200, "tokens of the settings stay"


def test_no_hostile_token_sees_anything(server: Server) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for kind, make in HOSTILE.items():
            bearer = f"Bearer {make(SIGNER)}".strip().encode("ascii", "replace")
            for path in (f"/presence/{ANN}", "/presence"):
                answer = client.get(path, headers={b"authorization": bearer})
                assert answer.status_code in (400, 401), kind
                assert ANN not in answer.text, kind


def test_a_stream_ends_within_a_second_of_exp(server: Server) -> None:
    expires_at = time.time() + 1.5
    bearer = {"authorization": f"Bearer {SIGNER.token(exp=expires_at)}"}
    stream = EventStream(server.url, "", bearer).wait_live()
    web_socket = WebSocket(server.url, "", bearer).wait_live()
    ended: dict[str, float] = {}

    def have_ended() -> bool:
        for name, one in (("stream", stream), ("web socket", web_socket)):
            if one.ended:
                ended.setdefault(name, time.time())
        return len(ended) == 2

    eventually(have_ended, what="both ends")
    assert (stream.ended, stream.events[-1]) == ("closed", ("expired", {"event": "expired"}))
    assert web_socket.ended == 4401
    assert all(expires_at <= at <= expires_at + 1 for at in ended.values()), (expires_at, ended)
    refused = get(server, "/presence", SIGNER.token(exp=expires_at))
    assert refused.status_code == 401
    assert refused.json() == {"error": "the token has expired"}
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]


def test_keys_rotate_while_the_gateway_runs(
    server: Server, issuer: tuple[str, list[bytes]]
) -> None:
    path = f"/presence/{ANN}"
    assert get(server, path, LATER.token()).status_code == 401
    issuer[1][0] = LATER.jwks()
    try:
        eventually(lambda: get(server, path, LATER.token()).is_success, what="the new key")
        assert get(server, path, SIGNER.token()).status_code == 401
        issuer[1][0] = b"<html>"
        issuer[1][0] = SIGNER.jwks(LATER)
        eventually(lambda: get(server, path, SIGNER.token()).is_success, what="both keys")
    finally:
        issuer[1][0] = SIGNER.jwks()


def test_a_cookie_has_the_token_of_a_page(server: Server) -> None:
    cookie = f"theme=dark; {COOKIE}={SIGNER.token()}"
    path = f"/presence/{ANN}"
    assert get(server, path, cookie=cookie, sec_fetch_site="same-origin").status_code == 200
    assert get(server, path, cookie=f"rollcall={SIGNER.token()}").status_code == 401
    shared = get(server, path, cookie=cookie, origin=PORTAL, sec_fetch_site="cross-site")
    assert (shared.status_code, shared.headers["access-control-allow-credentials"]) == (200, "true")
    for headers in (
        {"sec_fetch_site": "cross-site"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
    ):
        refused = get(server, path, cookie=cookie, **headers)
        assert refused.status_code == 403
        assert ANN not in refused.text
    url = server.url.replace("http", "ws", 1)
    with connect(f"{url}/presence/ws", additional_headers={"cookie": cookie}, proxy=None) as client:
        assert json.loads(client.recv(5))["aor"] == ANN


def test_a_token_in_the_query_is_refused(server: Server) -> None:
    for name in ("token", "access_token", "jwt", "authorization"):
        answer = get(server, f"/presence?{name}={SIGNER.token()}")
        assert answer.status_code == 401
        answer = get(server, f"/presence?{name}={SIGNER.token()}", TOKEN)
        assert (answer.status_code, answer.json()["field"]) == (400, name)


def test_a_ticket_opens_one_stream_of_its_tokens_scope(server: Server) -> None:
    answer = post_ticket(server, SIGNER.token(fields=["contact"]), origin=PORTAL)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    assert answer.headers["access-control-allow-origin"] == PORTAL
    assert answer.json()["expires_in"] == pytest.approx(30, abs=0.1)
    ticket = answer.json()["ticket"]
    for path in (f"/presence/{ANN}?ticket={ticket}", f"/v1/tickets?ticket={ticket}"):
        assert get(server, path).status_code in (401, 405), "for streams only"
    stream = EventStream(server.url, f"ticket={ticket}").wait_live()
    assert stream.last == {ANN: 1}
    assert "remote" not in stream.events[0][1]["bindings"][0]
    again = get(server, f"/presence?ticket={ticket}")
    assert (again.status_code, again.json()["error"]) == (
        401,
        "the ticket is none, used or expired",
    )


def test_a_ticket_may_show_less(server: Server) -> None:
    answer = post_ticket(server, TOKEN, b'{"aors":["sip:eve@two.test"]}')
    query = f"ticket={answer.json()['ticket']}"
    assert WebSocket(server.url, query).wait_live().last == {EVE: 1}
    refused = post_ticket(server, SIGNER.token(), b'{"aors":["sip:eve@two.test"]}')
    assert (refused.status_code, refused.json()["field"]) == (403, "aors")
    assert post_ticket(server, STRANGER.token()).status_code == 401
    assert post_ticket(server, SIGNER.token(), b" " * 70_000).status_code == 413


def test_a_ticket_ends_with_its_token(server: Server) -> None:
    expires_at = time.time() + 1.2
    answer = post_ticket(server, SIGNER.token(exp=expires_at))
    web_socket = WebSocket(server.url, f"ticket={answer.json()['ticket']}").wait_live()
    eventually(lambda: web_socket.ended, what="the end")
    assert web_socket.ended == 4401


def test_only_named_hosts_are_served(server: Server) -> None:
    path = f"/presence/{ANN}"
    assert get(server, path, TOKEN, host="Presence.test:443").status_code == 200
    for host in ("evil.test", "127.0.0.1.evil.test", ""):
        assert get(server, path, TOKEN, host=host).status_code == 421
    port = httpx.URL(server.url).port
    bearer = {"authorization": f"Bearer {TOKEN}"}
    connection = socket.create_connection(("127.0.0.1", port or 0))
    with connection, pytest.raises(InvalidStatus) as caught:
        connect("ws://evil.test/presence/ws", sock=connection, additional_headers=bearer)
    assert caught.value.response.status_code == 421


def test_without_keys_the_gateway_asks_to_try_again() -> None:
    jwt = JwtSettings.model_validate(
        {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "http://127.0.0.1:9/jwks"}
    )
    settings = GatewaySettings(port=0, jwt=jwt, tokens=(SecretStr(TOKEN),))
    gateway = Gateway(settings)
    gateway.apply([presence_message(encode(presence(ANN, 1)), 0.0)])
    gateway.is_caught_up = True
    server = Server(gateway, settings)
    server.start()
    try:
        answer = get(server, f"/presence/{ANN}", SIGNER.token())
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        assert get(server, f"/presence/{ANN}", TOKEN).status_code == 200
    finally:
        server.stop()
