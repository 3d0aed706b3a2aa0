"""What is seen of a record: the fields asked for, of those that the token grants."""

import json

import pytest

from schemas.codec import encode
from schemas.presence import Presence, PresenceBinding
from sinks.gateway.access.redaction import ALL_PARTS, Part
from sinks.gateway.errors import BadQuery
from sinks.gateway.message import Message, presence_message, removal_message
from sinks.gateway.query import fields_in
from sinks.gateway.view import View, fields_of
from tests.user_center import presence

ANN = "sip:ann@one.test"


def message() -> Message:
    record: Presence = presence(ANN, 7)
    record.bindings = [
        PresenceBinding(node="fs1", contact="sip:ann@192.0.2.1", user_agent="X", since=record.at)
    ]
    return presence_message(encode(record), 1.5)


def seen(view: View) -> dict[str, object]:
    shown = view.shown
    assert shown is not None
    found = shown(message())
    assert (found.aor, found.version, found.at) == (ANN, 7, 1.5)
    assert found.sse.startswith(b"id: sip:ann@one.test/7\nevent: presence\ndata: {")
    content: dict[str, object] = json.loads(found.text)
    return content


def test_fields_are_shown_beside_user_and_version() -> None:
    fields = fields_of(
        fields_in(b"domain=one.test&fields=status,bindings.node&fields=bindings.since")
    )
    content = seen(View(ALL_PARTS, fields))
    assert {*content} == {"aor", "version", "status", "bindings"}
    (binding,) = json.loads(message().text)["bindings"]
    assert content["bindings"] == [{"node": "fs1", "since": binding["since"]}]


def test_a_field_that_the_token_does_not_show_is_missing() -> None:
    fields = fields_of(fields_in(b"fields=bindings.contact,bindings.user_agent"))
    assert seen(View(frozenset({Part.CONTACT}), fields))["bindings"] == [
        {"contact": "sip:ann@192.0.2.1"}
    ]
    assert seen(View(frozenset(), fields_of(fields_in(b"fields=bindings"))))["bindings"] != [{}]


def test_a_narrowed_message_is_made_once_for_all_who_see_the_same() -> None:
    one = message()
    first, second = (
        View(ALL_PARTS, fields_of(fields_in(b"fields=status"))).shown for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert first(one) is second(one)
    removal = removal_message(ANN, 0.0)
    assert first(removal) is removal
    assert View().shown is None


def test_views_have_names_of_their_own() -> None:
    views = (View(), View(frozenset()), View(ALL_PARTS, frozenset({"status"})))
    assert len({view.name for view in views}) == 3


@pytest.mark.parametrize(
    "query", [b"fields=", b"fields=status,", b"fields=bindings.x", b"fields=X"]
)
def test_a_field_that_no_record_has_is_refused(query: bytes) -> None:
    with pytest.raises(BadQuery) as caught:
        fields_of(fields_in(query))
    assert caught.value.field == "fields"
