"""Commands on an open WebSocket: read, checked against the scope, done whole, answered once."""

import asyncio
import json
from typing import Any

import pytest

from schemas.codec import encode
from sinks.gateway.access.scope import EVERYTHING, Scope
from sinks.gateway.commands import Command, Commands, command_in, content_in, id_in
from sinks.gateway.errors import Refused
from sinks.gateway.feed import End, Feed
from sinks.gateway.hub import Hub
from sinks.gateway.message import Message, presence_message
from sinks.gateway.subscriber import Watch
from tests.user_center import presence

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"
ONE = Scope(domains=frozenset({"one.test"}))


def test_a_command_names_users_in_any_form() -> None:
    content = content_in('{"add":["SIP:Ann@ONE.test:5060"],"remove":["sip:bob@one.test"],"id":7}')
    assert id_in(content) == 7
    found = command_in(content, EVERYTHING)
    assert found == Command(("sip:Ann@one.test",), (BOB,))


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "message"),
        ("ping", "message"),
        ("[]", "message"),
        ("[" * 5000, "message"),
        ("{}", "message"),
        ('{"id":1}', "message"),
        ('{"add":[],"id":1.5}', "id"),
        ('{"add":[],"id":true}', "id"),
        ('{"add":[],"id":"' + "x" * 101 + '"}', "id"),
        ('{"add":"sip:ann@one.test"}', "add"),
        ('{"add":["sip:ann@one.test",7]}', "add[1]"),
        ('{"add":["sip:ann@one.test","no"]}', "add[1]"),
        ('{"add":["sip:ann@one.test","sip:eve@two.test"]}', "add[1]"),
        ('{"add":["sip:ann@one.test"],"remove":["sip:ann@one.test"]}', "remove[0]"),
        ('{"remove":[null]}', "remove[0]"),
        ('{"add":[],"cursor":7}', "cursor"),
        ('{"add":[],"cursor":"no"}', "cursor"),
        ('{"add":[],"adds":[]}', "adds"),
    ],
)
def test_a_wrong_command_is_refused_with_its_field(text: str, field: str) -> None:
    def read() -> None:
        content = content_in(text)
        id_in(content)
        command_in(content, ONE)

    with pytest.raises(Refused) as caught:
        read()
    assert caught.value.field == field


async def answers(scope: Scope, *texts: str | None) -> list[dict[str, Any]]:
    """What a subscriber receives after `live`, who sends these."""
    hub = Hub()
    for aor in (ANN, BOB, EVE):
        hub.change(presence_message(encode(presence(aor, 1)), 1.0))
    received: list[dict[str, Any]] = []

    async def send(messages: list[Message]) -> None:
        received.extend(json.loads(message.text) for message in messages)

    feed = Feed(hub, Watch(only_named=True), send, lambda _messages, _live: None)
    running = asyncio.create_task(feed.run())
    commands = Commands(hub, feed, scope, watched_max=2, check_room=lambda _more: None)
    for text in texts:
        await commands.handle(text)
    feed.end(End.GONE)
    await running
    return received[1:]


def test_the_state_of_added_users_comes_before_the_answer() -> None:
    add = json.dumps({"add": [ANN, BOB], "id": "a"})
    first, second, answer, removed = asyncio.run(
        answers(EVERYTHING, add, json.dumps({"remove": [ANN]}))
    )
    assert {first["aor"], second["aor"]} == {ANN, BOB}
    assert answer == {
        "event": "watching", "id": "a", "added": 2, "removed": 0, "watched": 2, "resumed": False
    }  # fmt: skip
    assert removed == {"event": "watching", "id": None, "added": 0, "removed": 1, "watched": 1}


def test_an_error_ends_nothing_and_says_what_is_wrong() -> None:
    outside = json.dumps({"add": [ANN, EVE], "id": 1})
    more = json.dumps({"add": [ANN, BOB, "sip:max@one.test"], "id": 2})
    found = asyncio.run(answers(ONE, outside, more, None, json.dumps({"add": [BOB]})))
    errors, rest = found[:3], found[3:]
    assert [(one["event"], one["id"], one["field"]) for one in errors] == [
        ("error", 1, "add[1]"),
        ("error", 2, "add"),
        ("error", None, "message"),
    ]
    assert [one.get("aor") for one in rest] == [BOB, None]
