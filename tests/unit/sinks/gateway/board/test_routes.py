"""The board over HTTP: the page and its policy, who may open the feed, what it sends."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sinks.gateway.board.assets import assets
from sinks.gateway.gateway import Gateway
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.eventually import eventually
from tests.gateway import TOKEN
from tests.unit.sinks.gateway.board.users import ANN, BOB, EVE, binding, message, record

_URL = re.compile(r"(?:https?:|[\"'(])//([\w.-]+)")


@pytest.fixture
def gateway() -> Gateway:
    found = Gateway(GatewaySettings(port=0))
    found.apply([message(record(ANN, 1, binding())), message(record(BOB)), message(record(EVE))])
    found.is_caught_up = True
    return found


@pytest.fixture
def server(gateway: Gateway) -> Iterator[Server]:
    found = Server(gateway, GatewaySettings(port=0))
    found.start()
    yield found
    found.stop()


def ask(server: Server, path: str, **headers: str) -> httpx.Response:
    return httpx.get(server.url + path, headers=headers, trust_env=False)


def opened(server: Server, **headers: str) -> ClientConnection:
    url = server.url.replace("http", "ws", 1)
    return connect(f"{url}/board/feed", additional_headers=headers, proxy=None)


def frames(feed: ClientConnection, name: str) -> Any:
    """The next frame of this name."""
    while name not in (frame := json.loads(feed.recv(10))):
        pass
    return frame[name]


def send(feed: ClientConnection, **request: Any) -> None:
    feed.send(json.dumps(request))


def test_the_page_and_all_its_files_load_nothing_from_elsewhere(server: Server) -> None:
    page = ask(server, "/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for name in ("board.css", "board.js", "icon.svg"):
        assert f"/board/{name}" in page.text
    for name, asset in assets().items():
        answer = ask(server, f"/board/{name}")
        assert answer.content == asset.body
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        text = asset.body.decode()
        assert [one for one in _URL.findall(text) if one != "www.w3.org"] == [], name
        assert "style=" not in text
        assert ask(server, f"/board/{name}", **{"if-none-match": asset.etag}).status_code == 304


@pytest.mark.parametrize("path", ["/board/none.js", "/board/..%2fassets.py", "/board/"])
def test_no_other_file_is_served(server: Server, path: str) -> None:
    assert ask(server, path).status_code == 404


def test_feed_sends_what_the_page_shows_and_its_changes(gateway: Gateway, server: Server) -> None:
    with opened(server) as feed:
        assert frames(feed, "hello")["causes"]["expired"].startswith("the registration was not")
        assert frames(feed, "summary")["users"] == 3
        send(feed, id=1, selection={"search": "one.test"}, count=10, user=BOB)
        rows = frames(feed, "rows")
        assert (rows["id"], rows["total"]) == (1, 2)
        assert [row["aor"] for row in rows["rows"]] == [ANN, BOB]
        assert rows["rows"][0]["devices"] == ["Yealink T46"]
        assert frames(feed, "user")["explanation"]["record"]["version"] == 1
        server.apply([message(record(BOB, 2, binding("fs2")))])
        rows = frames(feed, "rows")
        assert rows["rows"][0] == ANN, "a row that has not changed is not sent again"
        assert rows["rows"][1]["nodes"] == ["fs2"]
        assert frames(feed, "user")["explanation"]["record"]["version"] == 2
        send(feed, id=2, selection={"sort": "node", "descending": True}, count=1)
        assert frames(feed, "rows")["rows"] == [BOB]
        eventually(lambda: gateway.status()["subscribers"]["board"] == 1)
    eventually(lambda: gateway.status()["subscribers"]["board"] == 0)


def test_a_page_that_sends_no_request_is_disconnected_alone(server: Server) -> None:
    with opened(server) as feed, opened(server) as other:
        feed.send("{")
        with pytest.raises(ConnectionClosed):
            frames(feed, "never")
        assert feed.close_code == 1008
        send(other, id=1, count=5)
        assert frames(other, "rows")["total"] == 3


def test_until_the_topic_is_read_the_page_is_shown_and_the_feed_waits(
    gateway: Gateway, server: Server
) -> None:
    gateway.is_caught_up = False
    assert ask(server, "/").status_code == 200
    answer = ask(server, "/board/session")
    assert answer.status_code == 503
    assert "still reading" in answer.json()["error"]
    with pytest.raises(InvalidStatus) as refused, opened(server):
        pass
    assert refused.value.response.status_code == 503


def test_pages_of_other_origins_get_nothing(server: Server) -> None:
    other = {"origin": "https://elsewhere.test"}
    assert ask(server, "/board/session", **other).status_code == 403
    with pytest.raises(InvalidStatus), opened(server, **other):
        pass
    assert ask(server, "/board/session", origin=server.url).status_code == 200


def test_a_gateway_that_stops_closes_the_feed(server: Server) -> None:
    with opened(server) as feed:
        frames(feed, "hello")
        server.stop()
        with pytest.raises(ConnectionClosed):
            frames(feed, "never")
        assert feed.close_code == 1001


def test_with_tokens_the_page_is_open_and_the_feed_is_not() -> None:
    settings = GatewaySettings(port=0, tokens=(SecretStr(TOKEN),))
    gateway = Gateway(settings)
    gateway.is_caught_up = True
    server = Server(gateway, settings)
    server.start()
    try:
        assert ask(server, "/").status_code == 200
        assert ask(server, "/board/session").status_code == 401
        with pytest.raises(InvalidStatus), opened(server):
            pass
        with opened(server, authorization=f"Bearer {TOKEN}") as feed:
            assert frames(feed, "hello")["everybody"] is True
    finally:
        server.stop()
