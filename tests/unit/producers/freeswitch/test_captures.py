"""Every recorded FreeSWITCH capture through translation and folds, against its ground truth.

Two truths: the switch's own tables at moments of the recording (`truth.jsonl`), and the
changes a subscriber must see (tests/capture_truth.py).
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from functools import cache

import pytest

from local.replay.esl_recording import RecordedFrame, read_capture
from producers.freeswitch.context import Context
from producers.freeswitch.event import parse
from producers.freeswitch.translation import translate
from schemas import codec
from schemas.session import Session
from tests.capture_truth import CAPTURES, EXPECTED
from tests.unit.pipeline import Pipeline


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
        # Not restart_after (the switch reports nothing of bindings from before its restart) nor
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
