"""Answers to api commands: a listing is whole or refused, and a value is only ever a value."""

import json
from datetime import timedelta
from typing import Any

from gevent.queue import Queue
from hypothesis import example, given
from hypothesis import strategies as st

from producers.freeswitch.context import Context
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.intake import Intake
from producers.freeswitch.kernel import KernelLookup
from producers.freeswitch.lister import Lister
from producers.freeswitch.listing import BrokenRow, ListingUnreadable, read_registrations
from producers.freeswitch.rows import Name
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.switch import Switch
from producers.freeswitch.uncertain_users import UncertainUser
from schemas.vocabulary import RegistrationKind
from tests.freeswitch_answers import PROFILES, registration, registrations, verto
from tests.fuzz.collected import Collected, differing
from tests.fuzz.hostile import fuzzed, mutated, odd_json, texts

_CHANNEL = {
    "uuid": "leg-1",
    "direction": "inbound",
    "name": "sofia/internal/1001@sip.example.test",
    "callstate": "ACTIVE",
    "presence_id": "1001@sip.example.test",
    "call_uuid": "leg-1",
    "dest": "1002",
    "cid_num": "1001",
}
_DUMPED = {
    "Channel-Name": "sofia/internal/1001@sip.example.test",
    "Call-Direction": "inbound",
    "variable_user_name": "1001",
    "variable_domain_name": "sip.example.test",
}
_CHANNELS = {"row_count": 2, "rows": [_CHANNEL, _CHANNEL | {"uuid": "leg-2"}]}
_LISTING = registrations(registration(), registration(user="1002@sip.example.test"))
_ANSWERS = {
    "sofia xmlstatus": PROFILES,
    "sofia xmlstatus profile internal reg": _LISTING,
    "sofia xmlstatus profile external reg": registrations(),
    "sofia xmlstatus profile internal user 1001@sip.example.test": _LISTING,
    "module_exists mod_verto": "true",
    "verto xmlstatus": verto(("1008@sip.example.test", "192.0.2.53:63378")),
    "uuid_dump leg-1 json": json.dumps(_DUMPED),
    "show channels as json": json.dumps(_CHANNELS),
    "switchname": "vm",
    "version short": "1.10.12",
    "global_getvar core_uuid": "0f7c-1",
    "strmicroepoch": "1795502441000000",
}


class _Socket:
    """Answers each command; unknown ones are refused, as the switch does."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def api(self, command: str) -> str:
        command.encode()  # as it is sent
        if command not in self.answers:
            raise CommandRefused(command)
        return self.answers[command]


def listed(answers: dict[str, str]) -> Collected:
    """What a whole round of listings publishes."""
    collected, socket = Collected(), _Socket(_ANSWERS | answers)
    publisher: Any = collected
    switch = Switch(None)
    context, kernel = Context(None, timedelta(seconds=60)), KernelLookup("off", [])
    intake = Intake(publisher, switch, context, "fs1", Queue(), kernel)
    stand_in: Any = socket
    switch.ask(stand_in)
    intake.publish(switch.announce())
    lister = Lister(stand_in, intake, FreeSwitchSettings())
    lister.ports()
    lister.list_node()
    lister.list_user(
        UncertainUser(
            "sip:1001@sip.example.test", "internal", (Name("1001", "sip.example.test"),), due=0.0
        ),
    )
    return collected


_BYTES = [answer.encode() for answer in _ANSWERS.values()]


@fuzzed(250)
@given(st.sampled_from(sorted(_ANSWERS)), mutated(_BYTES) | odd_json([_CHANNELS]))
@example("strmicroepoch", b"9" * 18)  # beyond what datetime holds
@example("sofia xmlstatus", PROFILES.replace("internal", "i" * 300).encode())  # longer than an id
@example("sofia xmlstatus", PROFILES.replace("internal", "\udc80").encode("utf-8", "replace"))
@example("sofia xmlstatus", PROFILES.encode().replace(b"internal", b"int\xff"))  # was sent back
def test_no_answer_stops_the_producer(command: str, answer: bytes) -> None:
    listed({command: answer.decode("utf-8", "surrogateescape")})


def _row_of(collected: Collected) -> Any:
    rows = [e for _, _, e in collected.published if e.kind is RegistrationKind.SNAPSHOT_ROW]
    return rows[-1] if rows else None


@fuzzed(200)
@given(texts())
def test_a_folded_user_agent_stays_one_text(text: str) -> None:
    """mod_sofia escapes it, but for its newlines (switch_amp_encode)."""
    command = "sofia xmlstatus profile internal reg"
    benign = _row_of(listed({command: registrations(registration(agent="benign"))}))
    hostile = _row_of(listed({command: registrations(registration(agent=text))}))
    if hostile is not None:  # else the listing was refused, and nothing concluded
        assert differing(benign, hostile) - {"id", "at", "snapshot", "expires_at"} <= {"user_agent"}
    assert hostile is not None or "\r" in text or "\n" in text


@fuzzed(200)
@given(texts().filter(lambda text: "\n" not in text))
def test_an_unescaped_call_id_stays_one_text(text: str) -> None:
    command = "sofia xmlstatus profile internal reg"
    benign = _row_of(listed({command: registrations(registration(call_id="benign"))}))
    hostile = _row_of(listed({command: registrations(registration(call_id=text))}))
    assert differing(benign, hostile) - {"id", "at", "snapshot", "expires_at"} <= {"call_id"}


@fuzzed(150)
@given(mutated([_LISTING.encode()]))
def test_any_listing_is_read_or_refused(data: bytes) -> None:
    try:
        rows = read_registrations(data.decode("utf-8", "surrogateescape"))
    except ListingUnreadable:
        return
    assert all(isinstance(row, BrokenRow) or row.user for row in rows)


def test_a_user_agent_of_many_lines_takes_no_longer_a_line() -> None:
    """Each line was joined to all before it: a megabyte of newlines took seconds, four a minute."""
    (row,) = read_registrations(registrations(registration(agent="\n" * 2**20)))
    assert not isinstance(row, BrokenRow)
    assert len(row.user_agent) == 2**20
