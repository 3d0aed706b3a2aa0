from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from sinks.gateway.endpoint import Endpoint, WebSocketEndpoint, nothing_there
from tests.user_center import serving


async def _named(request: Request) -> Response:
    return PlainTextResponse(request.path_params["name"])


async def _broken(request: Request) -> Response:
    raise ZeroDivisionError(request.url.path)


async def _echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(await websocket.receive_text())
    await websocket.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    routes = [
        Route("/read/{name}", Endpoint(_named, "GET", "OPTIONS")),
        Route("/write/{name}", Endpoint(_named, "POST")),
        Route("/broken", Endpoint(_broken, "GET")),
        WebSocketRoute("/echo", WebSocketEndpoint(_echo)),
    ]
    with serving(Router(routes, default=nothing_there)) as found:
        yield found


def ask(url: str, method: str = "GET") -> httpx.Response:
    return httpx.request(method, url, trust_env=False)


def test_a_handler_answers_its_methods_and_head_where_it_answers_get(url: str) -> None:
    assert ask(f"{url}/read/ann").text == ask(f"{url}/read/ann", "OPTIONS").text == "ann"
    assert ask(f"{url}/read/ann", "HEAD").status_code == 200
    assert ask(f"{url}/write/bob", "POST").text == "bob"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", "/read/ann", "GET, HEAD, OPTIONS"), ("HEAD", "/write/ann", "POST")],
)
def test_another_method_is_answered_with_those_there_are(
    url: str, method: str, path: str, allow: str
) -> None:
    answer = ask(url + path, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)


def test_errors_of_paths_and_methods_are_json(url: str) -> None:
    answer = ask(f"{url}/none")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})
    assert ask(f"{url}/read/ann", "DELETE").json() == {"error": "Method Not Allowed"}


def test_a_handler_that_fails_is_answered_for_by_the_server(url: str) -> None:
    answer = ask(f"{url}/broken")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert ask(f"{url}/read/ann").text == "ann"


def test_a_web_socket_opens_where_a_route_is_only(url: str) -> None:
    address = url.replace("http", "ws", 1)
    with connect(f"{address}/echo", proxy=None) as opened:
        opened.send("heard")
        assert opened.recv(5) == "heard"
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"{address}/none", proxy=None)
