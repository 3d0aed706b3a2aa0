"""rtpengine's NG answers and DTMF datagrams: figures, or a named error, round after round."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from producers.receive_times import Ticks
from producers.rtpengine import translation
from producers.rtpengine.answers import REASONS
from producers.rtpengine.context import Context
from producers.rtpengine.dtmf import DtmfListener
from producers.rtpengine.ng import Answer, read_answer
from producers.rtpengine.settings import RtpengineSettings
from producers.rtpengine.watcher import Watcher
from schemas.topics import MEDIA
from tests.fuzz.collected import Collected, differing
from tests.fuzz.hostile import fuzzed, mutated, odd_json, texts
from tests.unit.rtpengine_capture import answers, datagrams

_CAPTURED = [answer for _, answer in answers("good")]
_QUERY = next(answer for answer in _CAPTURED if answer.get("tags"))
_LIST = {"calls": ["call-1", "call-2"], "result": "ok"}
_TOTALS = {"uptime": "100", **dict.fromkeys(REASONS, 0)}
_STATISTICS = {"statistics": {"totalstatistics": _TOTALS}, "result": "ok"}
_ANSWERS = {"list": _LIST, "statistics": _STATISTICS, "query": _QUERY}
_DTMF = [json.loads(data) for data in datagrams()]


class _Ng:
    """Answers with given bytes, read as the client reads them."""

    calls_max = 100

    def __init__(self, given_answers: dict[str, bytes]) -> None:
        self._answers = given_answers

    def ask(self, command: str, **parameters: str | int) -> Answer:
        for value in parameters.values():
            str(value).encode("utf-8", "surrogateescape")  # as it is sent
        whole = _ANSWERS.get(command, {"result": "pong"})
        return read_answer(command, self._answers.get(command, json.dumps(whole).encode()))

    def close(self) -> None:
        """Nothing is open."""


def rounds(given_answers: dict[str, bytes]) -> Collected:
    """Two rounds as they should be, two that are answered so, then two as they should be."""
    collected = Collected()
    publisher: Any = collected
    settings = RtpengineSettings(node="rtpe1", quality_seconds=1e-9, lost_after_seconds=1e-9)
    ng = _Ng({})
    watcher = Watcher(settings, ng, publisher, Context("rtpe1", "run-1"))
    for answers_of_rounds in ({}, given_answers, {}):
        ng._answers = answers_of_rounds
        failures = [watcher.round(), watcher.round()]
        assert not any(failures) or answers_of_rounds
    return collected


_TOO_DEEP = b'{"result":"ok","calls":7,"x":' + b"[" * 960 + b"]" * 960 + b"}"


@fuzzed(250)
@given(st.sampled_from(sorted(_ANSWERS)), st.data())
@example("list", None)
def test_no_answer_stops_the_rounds(command: str, data: st.DataObject | None) -> None:
    if data is None:
        # A surrogate that is no byte could not be written to a dead letter.
        rounds({"list": b'{"result":"ok","calls":["\\ud800"]}'})
        rounds({"list": _TOO_DEEP})
        rounds({"query": _TOO_DEEP.replace(b'"calls":7', b'"tags":7')})
        rounds({"list": b'{"result":"no","error-reason":"\\ud800"}'})  # ... nor to a record
        rounds({"list": b'{"result":"no","error-reason":' + b"[" * 900 + b"]" * 900 + b"}"})
        return
    whole = json.dumps(_ANSWERS[command]).encode()
    rounds({command: data.draw(odd_json([_ANSWERS[command]]) | mutated([whole]))})


def test_complete_answers_are_published_completely() -> None:
    collected = rounds({})
    assert [event for topic, _, event in collected.published if topic is MEDIA]
    assert collected.letters == []


@fuzzed(250)
@given(odd_json(_DTMF) | mutated(datagrams()))
def test_no_datagram_stops_the_listener(data: bytes) -> None:
    collected = Collected()
    listener = DtmfListener.__new__(DtmfListener)
    listener._publisher = collected  # type: ignore[assignment]  # as much of a publisher as is used
    listener._context = Context("rtpe1", "run-1")
    listener.publish(data)
    assert len(collected.letters) + len(collected.published) == 1
    listener.publish(datagrams()[0])
    assert collected.published


@fuzzed(100)
@given(st.sampled_from(["callid", "source_tag", "tags"]), texts())
def test_a_callers_text_changes_its_own_field_only(name: str, text: str) -> None:
    allowed = {"callid": {"call_id"}, "source_tag": {"tag"}, "tags": {"tags"}}[name]
    received, context = Ticks().now(), Context("rtpe1", "run-1")
    events = []
    for value in ("benign", text):
        digit = _DTMF[0] | {name: [value, "b"] if name == "tags" else value}
        data = json.dumps(digit, ensure_ascii=False).encode()
        events.append(translation.dtmf(context, received, data).event)
    assert differing(*events) <= allowed
