"""Every recorded FreeSWITCH capture through translation and folds, against its ground truth.

Two truths: what the switch's own tables said at moments of the recording (`truth.jsonl`), and the
changes a subscriber must see, written out here from what the clients did (`notes.md`).
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from local.replay_capture import RecordedFrame, read_capture
from producers.freeswitch.context import Context
from producers.freeswitch.event import parse
from producers.freeswitch.translation import translate
from schemas import codec
from schemas.session import Session
from tests.unit.pipeline import Pipeline

CAPTURES = Path(__file__).parents[1] / "captures" / "freeswitch"
ON, OFF = "online registered", "offline unregistered"
RING, TALK, HUNG_UP = "ringing call-ringing", "on-the-phone call-answered", "online call-ended"
# Of a caller: the switch answers 180, then plays early media, then answers.
CALLED = [RING, RING, TALK, HUNG_UP]
# Of a caller to an application: early media at once.
ANSWERED_AT_ONCE = [RING, TALK, HUNG_UP]


@cache
def frames(name: str) -> list[RecordedFrame]:
    return read_capture(CAPTURES / f"{name}.json")


def play(name: str) -> Pipeline:
    pipeline = Pipeline()
    for _ in _played(name, pipeline):
        pass
    return pipeline


def _played(name: str, pipeline: Pipeline) -> Iterator[RecordedFrame]:
    """Feeds the capture event by event; yields each frame before it is fed."""
    context = Context(None, timedelta(seconds=60))
    for frame in frames(name):
        yield frame
        if frame.name:
            for record in translate(parse(frame.body), context):
                pipeline.feed(record.topic, [(record.key, record.event)])


EXPECTED = {
    "reg_udp": {
        "1010": [ON, ON, "online unregistered", OFF],
        "1011": [ON, "offline expired"],
        "1012": [ON, OFF],
    },
    "reg_tcp_multi": {
        # Refreshes, Contact: *, queries and an unregister of what is gone change nothing.
        "1001": [
            ON,
            ON,
            "online unregistered",
            ON,
            "online unregistered",
            "offline administrative",
        ],
        "1002": [ON, OFF],
        "1003": [ON, OFF],
        "1004": [ON, OFF],
        "1005": [ON, ON, "online administrative", "offline administrative"],
    },
    "reg_blind": {"5551": [ON, ON, "online unregistered", OFF], "5552": [ON, OFF]},
    "reg_authfail": {},
    "reg_sockclose_on": {
        "1001": [ON, "offline connection-closed"],
        "1002": [ON, "offline expired"],
        "1003": [ON, "offline connection-closed"],
        "1004": [ON, "offline expired"],  # its Contact names no transport: the switch is blind
        "1005": [ON, "offline connection-closed"],
    },
    "reg_sockclose_off": {
        "1001": [ON, "offline expired"],
        "1002": [ON, "offline expired"],
        "1003": [ON, "offline connection-closed"],  # WebSocket: told whatever the setting
        "1004": [ON, "offline expired"],
        "1005": [ON, "offline expired"],
    },
    "reg_rst_netchange_off": {
        "1006": [ON, "offline expired"],
        "1007": [ON, ON, "online expired", "offline expired"],
        "1008": [ON, ON, "online expired", "offline expired"],
        "1009": [ON] * 12 + ["online unregistered"] + ["online expired"] * 10 + ["offline expired"],
    },
    "options_ping": {
        "1001": [ON, OFF],
        "1002": [ON, "offline ping-lost"],
        "1003": [ON, "offline ping-lost"],
    },
    "restart_before": {
        "1001": [ON, RING, RING, TALK, "offline node-lost"],
        "1002": [ON, RING, TALK, "offline node-lost"],
    },
    "restart_after": {"1001": [ON], "1002": [ON]},
    "tp_error_classic": {
        # FIN and SIGKILL never reach the classic change: those stay until they expire.
        "1001": [ON],
        "1002": [ON, "offline connection-reset"],
        "1003": [ON],
        "1004": [ON, RING, HUNG_UP],
        "1005": [ON, RING, HUNG_UP],
        "1006": [ON],
        "1007": [],
        "1008": [ON, RING, TALK, "offline connection-reset", "offline call-ended"],
        "1009": [ON, "offline connection-closed", ON, "offline connection-closed"],
    },
    "calls": {
        "1001": [
            ON,
            *CALLED,  # hung up by the caller
            *CALLED,  # hung up by the callee; busy and declined ring nowhere
            *[RING, HUNG_UP],  # cancelled; no route and unregistered callee ring nowhere
            *CALLED,  # forked to two devices
            *ANSWERED_AT_ONCE * 3,  # echo, digits, tone
            *[RING, TALK, HUNG_UP],  # called by click-to-call
            *ANSWERED_AT_ONCE * 2,  # conference, call center
            *CALLED,  # the callee's socket dies: the call goes on until the switch ends it
            OFF,
        ],
        "1002": [
            ON,
            *[RING, TALK, HUNG_UP] * 2,
            *[RING, HUNG_UP] * 2,  # cancelled, not answered
            ON,  # a second device
            *[RING, RING, TALK, "on-the-phone call-ended", HUNG_UP],  # both ring, one loses
            "online unregistered",
            *[RING, TALK, HUNG_UP] * 2,
            OFF,
        ],
        "1003": [
            ON,
            *[RING, HUNG_UP],
            *[RING, TALK, "held call-held", "on-the-phone call-resumed", HUNG_UP],
            *ANSWERED_AT_ONCE,
            *[RING, TALK, HUNG_UP],
            OFF,
        ],
        "1004": [ON, RING, TALK, HUNG_UP],
    },
}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_subscriber_sees_what_the_clients_did(name: str) -> None:
    pipeline = play(name)
    assert {user: pipeline.changes(user) for user in EXPECTED[name]} == EXPECTED[name]
    assert {p.aor.split(":")[1].split("@")[0] for p in pipeline.published} <= set(EXPECTED[name])
    assert pipeline.dead_letters == []


def test_every_capture_is_expected() -> None:
    assert {path.stem for path in CAPTURES.glob("*.json")} == set(EXPECTED)


def _call_ids(pipeline: Pipeline) -> list[str]:
    sessions = [codec.decode(Session, value) for value in pipeline.state.sessions.values()]
    return sorted(b.call_id or "" for s in sessions for b in s.bindings.values())


@pytest.mark.parametrize(
    "name",
    [
        # Not restart_after (the switch says nothing of bindings from before its restart) nor
        # tp_error_classic (the switch's table keeps what it knows to be dead).
        *("reg_udp", "reg_tcp_multi", "reg_blind", "reg_sockclose_on", "reg_sockclose_off"),
        *("reg_rst_netchange_off", "options_ping", "restart_before"),
    ],
)
def test_bindings_equal_the_switchs_own_table_at_every_moment_it_was_asked(name: str) -> None:
    truth = [
        json.loads(line) for line in (CAPTURES / f"{name}.truth.jsonl").read_text().splitlines()
    ]
    moments = [(entry["t"], entry) for entry in truth if "sofia_reg_calls" in str(entry)]
    assert moments
    pipeline = Pipeline()
    asked = 0
    for frame in _played(name, pipeline):
        while asked < len(moments) and frame.received / 1e6 > moments[asked][0]:
            expected = moments[asked][1]["sofia_reg_calls"]
            assert _call_ids(pipeline) == sorted(expected), moments[asked]
            asked += 1
    assert asked > 0
