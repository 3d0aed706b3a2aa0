"""The switch's events from the wire to the records, through hostile bytes and callers."""

import json
from datetime import timedelta
from typing import Any

from gevent.queue import Queue
from hypothesis import example, given
from hypothesis import strategies as st

from producers.freeswitch.context import Context
from producers.freeswitch.duplicates import Duplicates
from producers.freeswitch.framing import Framing
from producers.freeswitch.intake import Intake
from producers.freeswitch.kernel import KernelLookup
from producers.freeswitch.switch import Switch
from tests.fuzz.collected import Collected, differing
from tests.fuzz.hostile import fuzzed, mutated, odd_json, pieces, texts
from tests.fuzz.test_freeswitch_stream import BODIES, framed
from tests.unit.freeswitch_capture import bodies

_MAX = 64 * 1024
_BY_NAME: dict[str, dict[str, Any]] = {}
for _body in BODIES + bodies("calls"):
    _event = json.loads(_body)
    _BY_NAME.setdefault(_event.get("Event-Subclass") or _event["Event-Name"], _event)
EVENTS = list(_BY_NAME.values())


class Played:
    """An intake as the producer has it; frames go in, records come out."""

    def __init__(self) -> None:
        self.collected = Collected()
        publisher: Any = self.collected
        self.intake = Intake(
            publisher,
            Switch("fs1"),
            Context("fs1", timedelta(seconds=60)),
            "fs1",
            Queue(),
            KernelLookup("off", []),
        )

    def wire(self, data: bytes, cut: list[int]) -> None:
        framing = Framing(_MAX)
        for piece in pieces(data, cut):
            for frame in framing.feed(piece):
                self.intake._take(frame)

    def event(self, headers: dict[str, Any]) -> list[Any]:
        """The records of one event that is new."""
        self.intake.duplicates = Duplicates()
        self.collected.take()
        text = json.dumps(headers, ensure_ascii=False)
        self.wire(framed(text.encode("utf-8", "surrogateescape")), [])
        return [event for _, _, event in self.collected.published]


@fuzzed(300)
@given(mutated(BODIES) | odd_json(EVENTS))
def test_no_event_stops_the_next(body: bytes) -> None:
    played = Played()
    played.wire(framed(body), [])
    assert len(played.collected.letters) <= 1
    assert played.event(_BY_NAME["sofia::register"])


# What a caller chooses, and the fields of the record that may follow it.
CHOSEN = [
    ("sofia::register", "user-agent", {"user_agent"}),
    ("sofia::register", "call-id", {"call_id"}),
    ("sofia::register", "from-display", set()),
    ("sofia::expire", "user-agent", {"user_agent"}),
    ("sofia::expire", "call-id", {"call_id"}),
    ("CHANNEL_CREATE", "Caller-Caller-ID-Name", set()),
    ("CHANNEL_CREATE", "Caller-Destination-Number", {"peer"}),
    ("CHANNEL_CREATE", "Caller-Caller-ID-Number", {"peer"}),
    ("CHANNEL_CREATE", "variable_sip_call_id", {"sip_call_id"}),
    ("CHANNEL_CREATE", "variable_switch_r_sdp", set()),
    ("CHANNEL_CREATE", "variable_sip_user_agent", set()),
    ("CHANNEL_HANGUP_COMPLETE", "variable_sip_call_id", {"sip_call_id"}),
    ("CHANNEL_HANGUP_COMPLETE", "variable_sip_hangup_phrase", set()),
    ("CHANNEL_HANGUP_COMPLETE", "variable_sip_from_display", set()),
]


@fuzzed(250)
@given(st.sampled_from(CHOSEN), texts())
@example(("sofia::register", "user-agent", {"user_agent"}), "x" * 5000)  # hid the registration
def test_a_callers_text_changes_its_own_field_only(
    chosen: tuple[str, str, set[str]], text: str
) -> None:
    name, header, allowed = chosen
    event = _BY_NAME[name]
    benign = Played().event(event | {header: "benign"})
    hostile = Played().event(event | {header: text})
    assert len(hostile) == len(benign) > 0
    for one, other in zip(benign, hostile, strict=True):
        assert differing(one, other) <= allowed


@fuzzed(150)
@given(texts(100))
def test_a_display_name_is_no_part_of_the_contact(text: str) -> None:
    register = _BY_NAME["sofia::register"]
    _, _, address = register["contact"].rpartition("<")
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    played = Played()
    (*_, benign) = played.event(register | {"contact": f'"benign" <{address}'})
    (*_, hostile) = played.event(register | {"contact": f'"{quoted}" <{address}'})
    assert differing(benign, hostile) == set()
