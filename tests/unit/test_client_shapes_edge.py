"""The shapes of real clients at an edge without a location table: a record a contact, or a reason.

What Kamailio's script reports of a REGISTER that the registrar behind accepted (docs/kamailio.md).
"""

import json
from datetime import timedelta
from typing import Any

import pytest

from schemas import topics
from schemas.registration import RegistrationEvent
from schemas.sip_uri import MAX_LENGTH, aor_of
from schemas.vocabulary import RegistrationKind as Kind
from tests.corpus.shapes import Shape, answers, registers
from tests.unit.kamailio_capture import Play

AT = 1_795_502_000


def reported(shape: Shape, **fields: Any) -> Play:
    """The script's `edge` event of this message, through the producer and the streams."""
    message, play = shape.message, Play()
    event = {
        "ev": "edge",
        "aor": aor_of(message.first("to") or "").removeprefix("sip:"),
        "contact": message.contacts,
        "expires": message.first("expires"),
        "src": "tcp:203.0.113.1:40000",
        "callid": message.first("call-id"),
        "cseq": "1",
        "boot": AT - 9,
        "t": f"{AT}.000000",
        **fields,
    }
    play.line(json.dumps(event).encode("utf-8", "surrogateescape"), AT)
    return play


def records(play: Play) -> list[RegistrationEvent]:
    return play.events(topics.REGISTRATIONS)


@pytest.mark.parametrize(
    "shape", [one for one in registers() if one.message.contacts], ids=lambda one: one.name
)
def test_a_record_a_contact(shape: Shape) -> None:
    play = reported(shape)
    got = {(one.contact, one.kind) for one in records(play)}
    if shape.refused:
        assert got == set()
        assert play.collector.dead_letters == [(shape.refused, "contact")]
    elif not shape.message.contacts.isprintable():  # bytes that are no UTF-8
        assert got == set()
        assert [field for _, field in play.collector.dead_letters] == ["contact"]
    elif shape.star:
        assert [one.kind for one in records(play)] == [Kind.WILDCARD]
    else:
        assert (
            got
            == {
                (one.uri[:MAX_LENGTH], Kind.UNREGISTERED if one.expires == 0 else Kind.REGISTERED)
                for one in shape.contacts
            }
            or shape.name == "same-contact-twice"
        )
        assert play.collector.dead_letters == []


@pytest.mark.parametrize(
    "shape", [one for one in answers() if one.contacts], ids=lambda one: one.name
)
def test_what_the_answer_grants_to_each(shape: Shape) -> None:
    """The client asks for a day: what the 200 OK lists for its own contact counts."""
    header_only = {"asterisk-chan-sip-answer", "cucm"}  # Expires of the 200 OK
    for one in shape.contacts:
        asked = {"contact": f"<{one.uri}>", "expires": "86400"}
        (record,) = records(reported(shape, **asked, reply_contact=shape.message.contacts))
        assert record.expires_at is not None
        granted = record.expires_at - record.at
        if shape.name not in header_only:
            assert granted == timedelta(seconds=one.expires or 0)
