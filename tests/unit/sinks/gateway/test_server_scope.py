"""What the gateway's HTTP interface shows of users and fields outside a token's scope: nothing."""

import json
from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from schemas.codec import encode
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.settings import ScopedToken
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import Message, presence_message, removal_message
from sinks.gateway.server import Server
from sinks.gateway.settings import GatewaySettings
from tests.eventually import eventually
from tests.gateway import TOKEN, EventStream, WebSocket
from tests.user_center import presence

ANN, BOB, EVE, MAX = (
    f"sip:{name}" for name in ("ann@one.t", "bob@one.t", "eve@two.t", "max@two.t")
)
FULL = {"authorization": f"Bearer {TOKEN}"}
DOOR = {"authorization": "Bearer the-token-of-the-door"}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Four users; the door's token shows everybody of one domain, one user of another."""
    door = ScopedToken(
        token=SecretStr("the-token-of-the-door"),
        name="door",
        domains=("one.t",),
        aors=(EVE,),
        fields=(Part.USER_AGENT,),
    )
    settings = GatewaySettings(port=0, tokens=(SecretStr(TOKEN),), token=(door,))
    gateway = Gateway(settings)
    gateway.apply([record(aor, 1) for aor in (ANN, BOB, EVE, MAX)])
    gateway.is_caught_up = True
    found = Server(gateway, settings)
    found.start()
    yield found
    found.stop()


def record(aor: str, version: int) -> Message:
    return presence_message(encode(presence(aor, version)), 0.0)


def get(server: Server, path: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(server.url + path, headers=headers, trust_env=False)


def test_a_single_record_outside_the_scope_looks_as_one_that_does_not_exist(server: Server) -> None:
    assert "contact" in get(server, f"/presence/{MAX}", FULL).text
    hidden = get(server, f"/presence/{MAX}", DOOR)
    nobody = get(server, "/presence/sip:nob@two.t", DOOR)
    assert hidden.status_code == nobody.status_code == 404
    assert hidden.text.replace("max", "nob") == nobody.text
    same = {name: text for name, text in hidden.headers.items() if name != "date"}
    assert same == {name: text for name, text in nobody.headers.items() if name != "date"}


def test_only_granted_parts_of_a_record_are_shown(server: Server) -> None:
    (full,) = get(server, f"/presence/{ANN}", FULL).json()["bindings"]
    (shown,) = get(server, f"/presence/{ANN}", DOOR).json()["bindings"]
    assert {*full} - {*shown} == {"contact", "contact_form", "path", "remote"}


@pytest.mark.parametrize("transport", [EventStream, WebSocket])
def test_everybody_is_everybody_of_the_scope(
    server: Server, transport: type[EventStream | WebSocket]
) -> None:
    scoped = transport(server.url, "", DOOR).wait_live()
    full = transport(server.url, "", FULL).wait_live()
    version = full.last[ANN] + 2
    assert scoped.last == {aor: full.last[aor] for aor in (ANN, BOB, EVE)}
    server.apply([record(MAX, version), record(ANN, version), removal_message("sip:x@two.t", 0.0)])
    server.apply([record("sip:new@two.t", version), removal_message("sip:new@two.t", 0.0)])
    server.apply([record(EVE, version)])
    eventually(lambda: full.last.get(EVE) == scoped.last.get(EVE) == version)
    assert {aor for aor, _ in scoped.versions} == {ANN, BOB, EVE}
    assert [kind for kind, _ in scoped.events if kind == "removed"] == []
    assert "192.0.2.7" not in json.dumps(scoped.events)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (f"aor={MAX}", "aor"),
        (f"aor={ANN}&aor={MAX}", "aor"),
        ("aor=sip:nobody@two.t", "aor"),
        ("domain=two.t", "domain"),
        ("domain=one.t&domain=three.t", "domain"),
        ("domain=sub.one.t", "domain"),
    ],
)
def test_a_subscription_to_others_is_refused(server: Server, query: str, field: str) -> None:
    answer = get(server, f"/presence?{query}", DOOR)
    assert (answer.status_code, answer.json()["field"]) == (403, field)
    url = server.url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as caught:
        connect(f"{url}/presence/ws?{query}", additional_headers=DOOR, proxy=None)
    assert caught.value.response.status_code == 403
