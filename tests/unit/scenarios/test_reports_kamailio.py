"""Public reports about Kamailio: the input of each, and the right outcome.

The scripts of these reports pass no `contacts`: what their header and save()'s result show must do,
and the user's listing where it cannot.
"""

import json
from typing import Any

import pytest

from producers.kamailio.lister import Lister
from producers.receive_times import Ticks
from producers.sip_proxy.errors import MiRefused
from tests.unit.kamailio_capture import Play

T0 = 1_795_600_000


class Report:
    """One Kamailio, its users by AOR, and a clock that the report sets."""

    def __init__(self) -> None:
        self.play = Play(domain=None)
        self.now = float(T0)
        self.play.intake.ticks = Ticks(lambda: int(self.now * 1e9))
        self.answers: dict[str, Any] = {}

    def call(self, command: str, parameters: Any = None) -> Any:
        del parameters
        if command not in self.answers:
            raise MiRefused(command)
        return self.answers[command]

    def register(self, aor: str, contact: str, **more: Any) -> "Report":
        fields = {"result": 1, "expires": "600", "granted": 600, "cseq": "1", "callid": "c1"}
        fields |= {"src": "udp:192.0.2.41:5062", "t": f"{self.now:.6f}", "boot": T0 - 1000}
        self._event("register", fields | {"aor": aor, "contact": contact} | more)
        self.now += 5
        return self

    def expired(self, aor: str, addr: str, **more: Any) -> "Report":
        fields = {"aor": aor, "addr": addr, "callid": "c1", "cseq": "1", "domain": "location"}
        self._event("usrloc:contact-expired", fields | {"expires": int(self.now) - 1} | more)
        return self

    def listed(self, *rows: dict[str, Any]) -> "Report":
        """A listing of all: AoR and what else a row has."""
        users = [{"Info": {"AoR": row.pop("AoR"), "Contacts": [{"Contact": row}]}} for row in rows]
        self.answers["ul.dump"] = {"Domains": [{"Domain": {"Domain": "location", "AoRs": users}}]}
        assert Lister(self, self.play.intake).list_contacts()
        self.now += 5
        return self

    @property
    def shown(self) -> dict[str, Any]:
        """Each user's contacts; of who is out of reach, the cause."""
        last = {one.aor: one for one in self.play.pipeline.published}
        return {
            aor.removeprefix("sip:"): [one.contact for one in presence.bindings] or presence.cause
            for aor, presence in last.items()
        }

    def _event(self, name: str, fields: dict[str, Any]) -> None:
        line = json.dumps({"ev": name, **fields}).encode()
        self.play.line(line, self.now)


def test_users_whose_names_differ_in_case_are_one() -> None:
    """kamailio#3719"""
    contact = "sip:Alice@192.0.2.40:5062"
    report = Report().register("Alice@example.test", f"<{contact}>")
    row = {"Address": contact, "Expires": 590, "Call-ID": "c1", "CSeq": 1}
    report.now += 10
    report.listed({"AoR": "alice@example.test", **row})
    assert report.shown == {"alice@example.test": [contact]}
    report.register("Alice@example.test", f"<{contact}>", result=3, expires="0", cseq="2")
    assert report.shown == {"alice@example.test": "unregistered"}


@pytest.mark.parametrize("ending", ["expires=0", "contact-expired"])
def test_contact_without_brackets_has_no_parameters_of_its_own(ending: str) -> None:
    """nksip#8, kamailio#1257"""
    contact = "sip:bob@192.0.2.41:5062"
    report = Report().register("bob@example.test", f"{contact};expires=600")
    assert report.shown == {"bob@example.test": [contact]}
    if ending == "expires=0":
        report.register("bob@example.test", f"{contact};expires=0", result=3, cseq="2")
        assert report.shown == {"bob@example.test": "unregistered"}
    else:
        report.now += 600
        report.expired("bob@example.test", contact)
        assert report.shown == {"bob@example.test": "expired"}


def test_several_contacts_of_one_header_are_all_known() -> None:
    """linphone-iphone#304, kazoo-configs#55"""
    first, second = "sip:carol@192.0.2.42:5062", "sip:carol-fax@192.0.2.42:5062"
    both = f"<{first}>;q=0.9, <{second}>;q=0.1"
    report = Report().register("carol@example.test", both)
    assert report.shown == {"carol@example.test": [first, second]}
    moved = f'<{first}>;+sip.instance="<urn:uuid:1>", <{second}>;expires=0'
    report = Report().register("ion@example.test", f"<{second}>")
    assert report.register("ion@example.test", moved).shown == {"ion@example.test": [first]}


def test_instance_registers_from_another_address() -> None:
    """kamailio#278"""
    named = 'reg-id=1;+sip.instance="<urn:uuid:00000000-0000-4000-8000-00000000a001>"'
    first, second = "sip:3000@192.0.2.45:5061", "sip:3000@192.0.2.46:5061"
    report = Report().register("dave@example.test", f"<{first}>;{named}")
    report.register("dave@example.test", f"<{second}>;{named}", result=2, callid="d2")
    assert report.shown == {"dave@example.test": [second]}
    gone = {"result": 3, "expires": "0", "callid": "d2", "cseq": "2"}
    report.register("dave@example.test", f"<{second}>;{named}", **gone)
    assert report.shown == {"dave@example.test": "unregistered"}


def test_second_device_where_one_is_allowed_is_listed_at_once() -> None:
    """OpenSIPS#3055, #2372, sipsorcery#1100: save("location", "0x04")"""
    first, second = "sip:ivy@192.0.2.48:56462", "sip:ivy@192.0.2.49:40580"
    report = Report().register("ivy@example.test", f"<{first}>")
    report.play.intake.users_wanted.clear()
    report.register("ivy@example.test", f"<{second}>", callid="i2")
    (wanted,) = report.play.intake.users_wanted.take(9)
    contact = {"Contact": {"Address": second, "Expires": 600, "Call-ID": "i2", "CSeq": 1}}
    report.answers["ul.lookup"] = {"AoR": "ivy@example.test", "Contacts": [contact]}
    assert Lister(report, report.play.intake).list_user(wanted)
    assert report.shown == {"ivy@example.test": [second]}


@pytest.mark.parametrize("expires", ["4294967295", "99999999999", "3600;x=1", "-1", "abc", ""])
def test_granted_expires_counts(expires: str) -> None:
    """dart-sip-ua#115, OpenSIPS#1162"""
    contact = "sip:erin@192.0.2.51:5062"
    report = Report().register("erin@example.test", f"<{contact}>", expires=expires, granted=3600)
    assert report.shown == {"erin@example.test": [contact]}
    (binding,) = report.play.pipeline.state.sessions.values()
    assert b'"expires_at":"2026-11-25T' in binding
    assert report.play.collector.dead_letters == []


def test_wildcard_unregister_of_a_device_without_bindings() -> None:
    """gosip#12"""
    assert Report().register("3402@example.test", "*", expires="0").shown == {}


def test_contact_without_a_user() -> None:
    """Restcomm-Connect#1058"""
    contact = "sip:192.0.2.62:49793;transport=tcp"
    report = Report().register("ant@example.test", f"<{contact}>;expires=100", expires=None)
    assert report.shown == {"ant@example.test": [contact]}


def test_expired_without_a_domain() -> None:
    """kamailio#3365"""
    report = Report().register("43991002@lab.test", "<sip:43991002@192.0.2.70:5160>")
    report.now += 600
    report.expired("43991002", "sip:43991002@192.0.2.70:5160")
    assert report.shown == {"43991002@lab.test": "expired"}
    assert report.play.collector.dead_letters == []


def test_malformed_contact_does_not_affect_others() -> None:
    """kamailio#4926"""
    bad, good = "sip:alice@192.0.2.10:5060transport=udp", "sip:alice@192.0.2.11:5060"
    report = Report().register("alice@example.test", f"<{bad}>, <{good}>")
    assert report.shown == {"alice@example.test": [good]}
    row = {"Expires": 3000, "Call-ID": "x", "CSeq": 1}
    report.now += 10
    zoe = {"AoR": "zoe@example.test", "Address": "sip:zoe@192.0.2.12:5060", **row}
    report.listed({"AoR": "alice@example.test", "Address": bad, **row}, zoe)
    assert report.shown["zoe@example.test"] == ["sip:zoe@192.0.2.12:5060"]
    assert [field for _, field in report.play.collector.dead_letters] == ["contact", "Address"]
