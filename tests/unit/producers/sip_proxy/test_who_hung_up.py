"""Who ended a proxy's dialog, as far as OpenSIPS' and Kamailio's events show it."""

import json
from typing import Any

import pytest

from schemas.call_record import CallRecord
from schemas.vocabulary import HungUpBy
from tests.unit import kamailio_capture, opensips_capture
from tests.unit.calls.folding import fold

AT = 1_795_502_000.0
ALICE, BOB = "sip:alice@sip.test", "sip:bob@sip.test"
CALLER, CALLEE, SERVER = HungUpBy.CALLER, HungUpBy.CALLEE, HungUpBy.SERVER


class OpenSips:
    """The events of one dialog, whose tags are `a` and `b`."""

    def __init__(self) -> None:
        self._play = opensips_capture.Play()
        self._at = AT
        self.send("E_ROLLCALL_CALL", from_tag="a", caller=ALICE, callee=BOB)

    def send(self, name: str, **parameters: Any) -> "OpenSips":
        self._at += 1
        message = {"jsonrpc": "2.0", "method": name, "params": {"callid": "c", **parameters}}
        self._play.datagram(self._at, json.dumps(message).encode())
        return self

    def dialog(self, state: int) -> "OpenSips":
        return self.send("E_DLG_STATE_CHANGED", from_tag="a", old_state=1, new_state=state)

    def accounting(self, method: str, sender: str, to: str | None, code: int = 200) -> "OpenSips":
        parameters = {"method": method, "from_tag": sender, "to_tag": to, "sip_code": str(code)}
        return self.send("E_ACC_EVENT", **parameters)

    @property
    def call(self) -> CallRecord:
        (record,) = fold(self._play.collector.records)
        return record


@pytest.mark.parametrize(
    ("sender", "to", "by"), [("a", "b", CALLER), ("b", "a", CALLEE), ("x", "y", None)]
)
def test_accounting_of_a_bye_shows_who_sent_it(sender: str, to: str, by: HungUpBy | None) -> None:
    """It comes after the dialog's end, or before."""
    late = OpenSips().dialog(4).dialog(5).accounting("BYE", sender, to)
    early = OpenSips().dialog(4).accounting("BYE", sender, to).dialog(5)
    for play in (late, early) if by else ():
        assert play.call.hung_up_by is by
        assert all(leg.hung_up_by is by for leg in play.call.legs)
    if by is None:  # it names no dialog that is known
        records = fold(late._play.collector.records)
        assert all(record.hung_up_by is None for record in records)


def test_the_first_of_two_byes_counts() -> None:
    play = OpenSips().dialog(4).accounting("BYE", "b", "a").accounting("BYE", "a", "b").dialog(5)
    assert play.call.hung_up_by is CALLEE


@pytest.mark.parametrize(
    ("code", "to", "by"),
    [
        (487, "b", CALLER),
        (487, None, CALLER),
        (486, "b", CALLEE),
        (503, "b", CALLEE),
        (408, None, SERVER),
        (404, None, SERVER),
        (407, "b", None),
        (302, "b", None),
    ],
)
def test_the_final_answer_shows_who_ended_an_unanswered_call(
    code: int, to: str | None, by: HungUpBy | None
) -> None:
    missed = {"method": "INVITE", "from_tag": "a", "to_tag": to, "sip_code": str(code)}
    before = OpenSips().dialog(2).send("E_ACC_MISSED_EVENT", **missed).dialog(5)
    after = OpenSips().dialog(2).dialog(5).accounting("INVITE", "a", to, code)
    for play in (before, after):
        assert play.call.hung_up_by is by
        assert play.call.status_code == code


def test_a_branch_that_failed_ended_no_answered_call() -> None:
    missed = {"method": "INVITE", "from_tag": "a", "to_tag": "x", "sip_code": "486"}
    play = OpenSips().dialog(2).dialog(4).send("E_ACC_MISSED_EVENT", **missed).dialog(5)
    assert play.call.hung_up_by is None


def test_a_cdr_does_not_show_it() -> None:
    cdr = {"method": "INVITE", "from_tag": "a", "to_tag": "b", "sip_code": "200"}
    play = OpenSips().dialog(4).dialog(5).send("E_ACC_CDR", **cdr, ms_duration=2000)
    assert play.call.hung_up_by is None


def kamailio(*events: tuple[str, dict[str, Any]]) -> CallRecord:
    play = kamailio_capture.Play()
    play.event("call", callid="c", h_id="7", caller=ALICE, callee=BOB, t=str(AT))
    for number, (name, fields) in enumerate(events, 1):
        play.event(name, callid="c", h_id="7", t=str(AT + number), **fields)
    (record,) = fold(play.collector.records)
    return record


@pytest.mark.parametrize(
    ("fields", "by"),
    [
        ({"method": "BYE", "from_tag": "a", "caller_tag": "a"}, CALLER),
        ({"method": "BYE", "from_tag": "b", "caller_tag": "a"}, CALLEE),
        ({"method": "OPTIONS", "from_tag": "x", "caller_tag": "a"}, SERVER),
        ({"method": "BYE", "from_tag": "<null>", "caller_tag": "a"}, None),
        ({"from_tag": "a", "caller_tag": "a"}, None),
        ({}, None),
    ],
)
def test_the_message_that_ends_a_dialog_shows_who_sent_it(
    fields: dict[str, Any], by: HungUpBy | None
) -> None:
    record = kamailio(("dialog:start", {}), ("dialog:end", {"life": "2", **fields}))
    assert record.hung_up_by is by


@pytest.mark.parametrize(
    ("status", "by"), [("487", CALLER), ("486", CALLEE), ("407", None), ("<null>", None)]
)
def test_the_answer_that_fails_a_dialog_shows_whose_it_is(status: str, by: HungUpBy | None) -> None:
    """Kamailio's own answers have no status in the event: who ended the call is not known."""
    assert kamailio(("ringing", {}), ("dialog:failed", {"rs": status})).hung_up_by is by
