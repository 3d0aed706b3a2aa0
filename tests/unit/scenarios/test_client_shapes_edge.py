"""The shapes of real clients at an edge without a location table: a record a contact, or a reason.

What the scripts of Kamailio and OpenSIPS report of a REGISTER that the registrar behind accepted
(docs/kamailio.md, docs/opensips.md).
"""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest

from schemas import topics
from schemas.registration import RegistrationEvent
from schemas.sip_uri import MAX_LENGTH, aor_of
from schemas.vocabulary import RegistrationKind as Kind
from tests.corpus.shapes import Shape, answers, registers
from tests.unit import kamailio_capture, opensips_capture

AT = 1_795_502_000


class Result(NamedTuple):
    """What became of one event: records, and dead letters as (reason, field)."""

    records: list[RegistrationEvent]
    refused: list[tuple[str, str | None]]


Edge = Callable[[dict[str, Any]], Result]


def kamailio() -> Edge:
    """Events of Kamailio's script, through the producer and the streams."""
    play = kamailio_capture.Play()

    def report(fields: dict[str, Any]) -> Result:
        event = {"ev": "edge", "src": "tcp:203.0.113.1:40000", "boot": AT - 9, "t": f"{AT}.000000"}
        play.line(json.dumps(event | fields).encode(), AT)
        return _taken(play.collector)

    return report


def opensips() -> Edge:
    """The same of OpenSIPS'."""
    play = opensips_capture.Play()

    def report(fields: dict[str, Any]) -> Result:
        event = {"received_proto": "tcp", "received_ip": "203.0.113.1", "received_port": "40000"}
        message = {"jsonrpc": "2.0", "method": "E_EDGE_REGISTER", "params": event | fields}
        play.datagram(AT, json.dumps(message).encode())
        return _taken(play.collector)

    return report


def _taken(collector: opensips_capture.Collector) -> Result:
    records = [one.event for one in collector.records if one.topic is topics.REGISTRATIONS]
    result = Result(records, list(collector.dead_letters))
    collector.records.clear()
    collector.dead_letters.clear()
    return result


def reported(shape: Shape, edge: Edge, **fields: Any) -> Result:
    """What the script's event of this message becomes."""
    message = shape.message
    event = {
        "aor": aor_of(message.first("to") or "").removeprefix("sip:"),
        "contact": message.contacts,
        "expires": message.first("expires"),
        "callid": message.first("call-id"),
        "cseq": "1",
    }
    return edge(event | fields)


@pytest.mark.parametrize("make_edge", [kamailio, opensips])
def test_each_contact_makes_a_record(make_edge: Callable[[], Edge]) -> None:
    edge = make_edge()
    for shape in registers():
        if not shape.message.contacts:
            continue
        records, refused = reported(shape, edge)
        got = {(one.contact, one.kind) for one in records}
        if shape.refused:
            assert (got, refused) == (set(), [(shape.refused, "contact")]), shape.name
        elif make_edge is kamailio and not shape.message.contacts.isprintable():
            # A display name that is not UTF-8: Kamailio's producer lists the user instead.
            assert (got, [field for _, field in refused]) == (set(), ["contact"]), shape.name
        elif shape.star:
            assert [one.kind for one in records] == [Kind.WILDCARD], shape.name
        else:
            wanted = {
                (one.uri[:MAX_LENGTH], Kind.UNREGISTERED if one.expires == 0 else Kind.REGISTERED)
                for one in shape.contacts
            }
            once = wanted if shape.name != "same-contact-twice" else got
            assert (got, refused) == (once, []), shape.name


@pytest.mark.parametrize("make_edge", [kamailio, opensips])
def test_each_contact_has_the_granted_expires(make_edge: Callable[[], Edge]) -> None:
    """The client requests a day: the 200 OK's expiry of its own contact counts."""
    edge = make_edge()
    for shape in answers():
        if shape.name == "cucm":  # by an Expires header of the 200 OK, which scripts do not report
            continue
        for one in shape.contacts:
            requested = {"contact": f"<{one.uri}>", "expires": "86400"}
            granted = reported(shape, edge, **requested, reply_contact=shape.message.contacts)
            (record,) = granted.records
            assert record.expires_at is not None
            assert record.expires_at - record.at == timedelta(seconds=one.expires or 0), shape.name
