"""Report 30: scanners call with the From of an extension (signalwire/freeswitch#566,
fail2ban/fail2ban#2163). Only who the switch has authenticated is a caller."""

import pytest

from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from tests.unit.freeswitch_capture import MARGIN
from tests.unit.freeswitch_switch import BOOT

USER = "sip:1001@sip.example.test"
_FROM = {
    "Event-Name": "CHANNEL_CREATE",
    "Core-UUID": BOOT,
    "FreeSWITCH-Switchname": "fs1",
    "Event-Date-Timestamp": "1795600000000000",
    "Event-Sequence": "7",
    "Unique-ID": "leg-1",
    "Call-Direction": "inbound",
    "Channel-Name": "sofia/external/1001@sip.example.test",
    "Channel-Presence-ID": "1001@sip.example.test",
    "variable_sofia_profile_name": "external",
    "variable_sip_from_user": "1001",
    "variable_sip_from_host": "sip.example.test",
    "variable_sip_h_X-user_name": "1001",
}
_VERTO = {"Channel-Name": "verto.rtc/9664", "variable_sip_from_user": ""}


def _aor(context: Context, **headers: str) -> str | None:
    (record,) = translation.translate(SwitchEvent({**_FROM, **headers}), context)
    found: str | None = record.event.aor
    return found


@pytest.mark.parametrize(
    ("evidence", "aor"),
    [
        ({}, None),
        ({"variable_user_name": "1001"}, None),
        ({"variable_user_name": "1001", "variable_domain_name": "sip.example.test"}, USER),
        ({"variable_user_name": "1002", "variable_domain_name": "sip.example.test"},
         "sip:1002@sip.example.test"),
        ({"variable_sip_authorized": "true"}, USER),
        ({"variable_sip_authorized": "true", "variable_sip_looped_call": "true"}, None),
        ({"variable_sip_acl_authed_by": "domains"}, USER),
        ({"variable_sip_acl_token": "1003@sip.example.test"}, "sip:1003@sip.example.test"),
        ({"variable_sip_authorized": "true", "variable_sip_gateway_name": "carrier"}, None),
        # mod_verto names its user; a client may set variables of its channels, but not this.
        ({**_VERTO, "Caller-Username": "1004@sip.example.test", "variable_user_name": "1001",
          "variable_domain_name": "sip.example.test"}, "sip:1004@sip.example.test"),
        ({**_VERTO, "variable_verto_user": "1004@sip.example.test"}, "sip:1004@sip.example.test"),
    ],
)  # fmt: skip
def test_the_caller_is_the_authenticated_user(evidence: dict[str, str], aor: str | None) -> None:
    assert _aor(Context("n", MARGIN), **evidence) == aor


def test_a_from_counts_on_a_trusted_profile() -> None:
    for profile, aor in (("external", USER), ("internal", None)):
        context = Context("n", MARGIN, trusted_profiles=frozenset({"external"}))
        assert _aor(context, variable_sofia_profile_name=profile) == aor


def test_an_unauthenticated_caller_has_no_user_for_the_whole_call() -> None:
    context = Context("n", MARGIN)
    for name in ("CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_HANGUP_COMPLETE"):
        assert _aor(context, **{"Event-Name": name}) is None
