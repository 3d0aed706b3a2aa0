"""PIDF, dialog-info and reginfo: valid against the RFCs' schemas, whatever is in a record."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.presence import Presence, PresenceBinding, PresenceCall
from schemas.vocabulary import CallState, ContactForm, Direction, Status
from sinks.gateway.access.redaction import ALL_PARTS, Part
from sinks.gateway.formats.dialog_info import dialog_info
from sinks.gateway.formats.pidf import pidf
from sinks.gateway.formats.reginfo import reginfo
from tests.user_center import AT, presence

_FOLDER = Path(__file__).parent / "schemas"
_PIDF = xmlschema.XMLSchema(
    str(_FOLDER / "pidf.xsd"),
    locations={
        "urn:ietf:params:xml:ns:pidf:data-model": str(_FOLDER / "data-model.xsd"),
        "urn:ietf:params:xml:ns:pidf:rpid": str(_FOLDER / "rpid.xsd"),
    },
)
_PIDF.import_schema("urn:ietf:params:xml:ns:pidf:data-model", str(_FOLDER / "data-model.xsd"))
_PIDF.import_schema("urn:ietf:params:xml:ns:pidf:rpid", str(_FOLDER / "rpid.xsd"))
_DIALOG = xmlschema.XMLSchema(str(_FOLDER / "dialog-info.xsd"))
_REGINFO = xmlschema.XMLSchema(str(_FOLDER / "reginfo.xsd"))
BOB = "sip:bob@one.test"


def binding(contact: str = "sip:bob@192.0.2.1", **values: Any) -> PresenceBinding:
    return PresenceBinding(node="n1", contact=contact, since=AT, **values)


def call(state: CallState = CallState.ANSWERED, leg: str = "l1", **values: Any) -> PresenceCall:
    return PresenceCall(node="n1", leg=leg, call="c1", state=state, since=AT, **values)


def record(
    bindings: list[PresenceBinding], calls: list[PresenceCall], status: Status = Status.ONLINE
) -> Presence:
    found = presence(BOB, 7)
    found.bindings, found.calls, found.status = bindings, calls, status
    return found


def checked(presence: Presence, granted: frozenset[Part] = ALL_PARTS) -> tuple[str, str, str]:
    """The three documents as texts, each valid."""
    documents = pidf(presence, granted), dialog_info(presence, granted), reginfo(presence)
    for schema, found in zip((_PIDF, _DIALOG, _REGINFO), documents, strict=True):
        schema.validate(found.decode())
        fromstring(found)
    return tuple(one.decode() for one in documents)  # type: ignore[return-value]  # there are three


def test_a_user_with_a_call_has_it_in_each_format() -> None:
    one = call(peer="1001", direction=Direction.INCOMING, sip_call_id="x@10.0.0.1")
    in_pidf, in_dialogs, in_reginfo = checked(
        record([binding(), binding("sip:b@x", suspect=True)], [one], Status.ON_THE_PHONE)
    )
    assert in_pidf.count("<basic>open</basic>") == 2
    assert '<contact priority="1.0">sip:bob@192.0.2.1</contact>' in in_pidf
    assert '<contact priority="0.1">' in in_pidf
    assert "<rpid:activities><rpid:on-the-phone /></rpid:activities>" in in_pidf
    assert '<identity display-name="1001">sip:1001@one.test</identity>' in in_dialogs
    assert "<state>confirmed</state>" in in_dialogs
    assert 'call-id="x@10.0.0.1" direction="recipient"' in in_dialogs
    assert 'version="7"' in in_dialogs
    assert 'state="active"' in in_reginfo
    assert "<uri>sip:bob@192.0.2.1</uri>" in in_reginfo


def test_an_offline_user_is_closed_and_terminated() -> None:
    in_pidf, in_dialogs, in_reginfo = checked(record([], [], Status.OFFLINE))
    assert "<basic>closed</basic>" in in_pidf
    assert "dm:person" not in in_pidf
    assert "<dialog " not in in_dialogs
    assert 'state="terminated"' in in_reginfo


@pytest.mark.parametrize(
    ("state", "shown"),
    [("trying", "trying"), ("ringing", "early"), ("early", "early"), ("held", "confirmed")],
)
def test_each_state_of_a_call_has_its_dialog_state(state: str, shown: str) -> None:
    _, found, _ = checked(record([binding()], [call(CallState(state))]))
    assert f"<state>{shown}</state>" in found
    assert ('pname="+sip.rendering" pval="no"' in found) is (state == "held")


def test_what_is_not_granted_is_in_no_document() -> None:
    one = call(peer="sip:secret@peer.test", sip_call_id="secret@192.0.2.9")
    hidden = record([binding("sip:secret@192.0.2.9", user_agent="secret")], [one])
    for granted in (frozenset[Part](), frozenset({Part.USER_AGENT})):
        for found in checked(hidden, granted)[:2]:
            assert "secret" not in found
            assert "192.0.2.9" not in found


any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=150, deadline=None)
@given(any_text, any_text, any_text, st.sampled_from([None, *ContactForm]))
def test_whatever_clients_write_the_documents_are_valid(
    contact: str, peer: str, call_id: str, form: ContactForm | None
) -> None:
    bindings = [binding(contact, contact_form=form), binding(f"sip:a@h;x={contact}", stale=True)]
    calls = [call(peer=peer, sip_call_id=call_id, leg=peer or "l"), call(CallState.HELD, peer=None)]
    checked(record(bindings, calls, Status.HELD))
