"""Limits of one client and of all, as clients see them, their log, and a stop that is spread."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from schemas.codec import encode
from sinks.gateway.gateway import Gateway
from sinks.gateway.limits.settings import LimitSettings
from sinks.gateway.message import presence_message
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.eventually import eventually
from tests.gateway import TOKEN, EventStream, Subscription, WebSocket
from tests.user_center import presence

ANN = "sip:ann@one.test"


@contextmanager
def serving(**settings: Any) -> Iterator[tuple[Server, Gateway]]:
    """A gateway with one user and these settings; `limits` is a dict."""
    limits = {"stop_spread": 0, **settings.pop("limits", {})}
    whole = GatewaySettings(port=0, limits=LimitSettings.model_validate(limits), **settings)
    gateway = Gateway(whole)
    gateway.apply([presence_message(encode(presence(ANN, 1)), 0.0)])
    gateway.is_caught_up = True
    server = Server(gateway, whole)
    server.start()
    try:
        yield server, gateway
    finally:
        server.stop()
        assert not server.is_alive


def get(server: Server, path: str = f"/presence/{ANN}", **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.get(server.url + path, headers=given, trust_env=False)


def streams(server: Server, count: int, **headers: str) -> list[Subscription]:
    return [EventStream(server.url, f"aor={ANN}", headers).wait_live() for _ in range(count)]


def refused_web_socket(server: Server, **headers: str) -> int:
    url = server.url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as caught:
        connect(f"{url}/presence/ws?aor={ANN}", additional_headers=headers, proxy=None)
    return caught.value.response.status_code


def test_requests_past_the_rate_get_429() -> None:
    with serving(limits={"requests_per_second": 0.1, "requests_burst": 3}) as (server, gateway):
        assert [get(server).status_code for _ in range(3)] == [200] * 3
        answer = get(server)
        assert (answer.status_code, int(answer.headers["retry-after"]) <= 10) == (429, True)
        assert get(server, f"/presence?aor={ANN}").status_code == 429
        assert refused_web_socket(server) == 429
        assert gateway.status()["refused"] == {"rate": 3}


def test_behind_a_proxy_each_client_has_its_own_rate() -> None:
    limits = {
        "requests_per_second": 0.1,
        "requests_burst": 2,
        "trusted_proxies": "127.0.0.1",
    }
    with serving(limits=limits, tokens=(SecretStr(TOKEN),)) as (server, _):
        wrong = {"authorization": "Bearer no-token-of-this-gateway"}
        for address in ("192.0.2.1", "192.0.2.2"):
            answers = [get(server, x_forwarded_for=address, **wrong) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [401, 401, 429]


@pytest.mark.parametrize("limit", ["connections_per_address", "subscribers_per_token"])
def test_streams_of_one_client_are_bounded(limit: str) -> None:
    # The address is that of a proxy, so that the connections alone are not counted.
    limits = {limit: 2, "trusted_proxies": ["127.0.0.1"]}
    bearer = {"authorization": f"Bearer {TOKEN}"}
    with serving(limits=limits, tokens=(SecretStr(TOKEN),)) as (server, gateway):
        streams(server, 2, **bearer)
        answer = get(server, f"/presence?aor={ANN}", **bearer)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
        assert refused_web_socket(server, **bearer) == 429
        assert get(server, **bearer).status_code == 200
        other = {"x-forwarded-for": "192.0.2.9", **bearer}
        if limit == "connections_per_address":
            streams(server, 1, **other)
        assert gateway.status()["subscribers"]["sse"] >= 2


def test_connections_of_one_address_are_bounded() -> None:
    with serving(limits={"connections_per_address": 3}) as (server, gateway):
        streams(server, 3)
        answer = get(server)
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)
        assert refused_web_socket(server) == 429
        assert gateway.status()["refused"]["address"] == 2


def test_users_watched_by_name_are_bounded_over_all_subscriptions() -> None:
    with serving(limits={"watched_max": 5}) as (server, _):
        query = "&".join(f"aor=sip:u{number}@one.test" for number in range(4))
        first = EventStream(server.url, query).wait_live()
        answer = get(server, f"/presence?{query}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        url = server.url.replace("http", "ws", 1)
        with connect(f"{url}/presence/ws?aor={ANN}", proxy=None) as client:
            client.send(json.dumps({"add": ["sip:new@one.test"], "id": 7}))
            while (content := json.loads(client.recv(5))).get("id") != 7:
                pass
            assert content["event"] == "error"
        assert first.ended is None


def test_each_refusal_is_logged_with_client_and_reason_but_a_flood_is_bounded() -> None:
    limits = {"trusted_proxies": ["127.0.0.1"]}
    with (
        serving(limits=limits, tokens=(SecretStr(TOKEN),)) as (server, gateway),
        capture_logs() as logs,
        httpx.Client(base_url=server.url, trust_env=False) as client,
    ):
        headers = {"x-forwarded-for": "192.0.2.7", "authorization": "Bearer eyJh.secret-part.x"}
        for _ in range(100):
            assert client.get(f"/presence/{ANN}", headers=headers).status_code == 401
        bearer = {"authorization": f"Bearer {TOKEN}"}
        assert client.get("/presence?aor=x", headers=bearer).status_code == 400
        lines = [line for line in logs if line["event"] == "request refused"]
        unauthorized = [line for line in lines if line["reason"] == "unauthorized"]
        assert len(unauthorized) == 20
        assert unauthorized[0]["address"] == "192.0.2.7"
        assert unauthorized[0]["detail"] == "none of gateway.tokens"
        assert lines[-1]["client"] == "token 1"
        assert (lines[-1]["reason"], lines[-1]["field"]) == ("bad-query", "aor")
        assert "secret-part" not in str(logs)
        assert TOKEN not in str(logs)
        assert gateway.status()["refused"]["unauthorized"] == 100


def test_messages_that_wait_are_bounded_over_all_subscribers() -> None:
    """Subscribers that do not read are disconnected when too much waits; others stay."""
    with (
        serving(limits={"bytes_waiting_max": 1024 * 1024}) as (server, gateway),
        ExitStack() as slow,
    ):
        url = server.url.replace("http", "ws", 1)
        for _ in range(3):
            # It takes one message and then what fits into buffers.
            slow.enter_context(connect(f"{url}/presence/ws", proxy=None, max_queue=1))
        reader = WebSocket(server.url, f"aor={ANN}").wait_live()
        many = [f"sip:u{number}@one.test" for number in range(4_000)]
        version = 0

        def are_fewer() -> bool:
            nonlocal version
            version += 1
            server.apply([presence_message(encode(presence(aor, version)), 0.0) for aor in many])
            return bool(gateway.status()["stalled"])

        eventually(are_fewer, 20, what="those with most disconnected")
        server.apply([presence_message(encode(presence(ANN, 9)), 0.0)])
        eventually(lambda: reader.last == {ANN: 9})
        assert reader.ended is None


def test_a_stop_ends_streams_one_by_one_over_the_set_time() -> None:
    with serving(limits={"stop_spread": 2}) as (server, gateway):
        opened = streams(server, 10)
        began = time.monotonic()
        server.begin_stop()
        ends: dict[int, float] = {}

        def all_ended() -> bool:
            for number, one in enumerate(opened):
                if one.ended:
                    ends.setdefault(number, time.monotonic() - began)
            return len(ends) == 10

        eventually(lambda: gateway.is_stopping)
        assert get(server).status_code == 503
        # Those that are left get what changes.
        server.apply([presence_message(encode(presence(ANN, 3)), 0.0)])
        eventually(all_ended, 15)
        assert {one.ended for one in opened} == {"closed"}
        first, last = min(ends.values()), max(ends.values())
        assert last - first >= 1.0
        assert sum(1 for at in ends.values() if at < first + (last - first) / 2) in range(2, 9)
        assert any(one.last == {ANN: 3} for one in opened)
