"""Records as Kafka gives them: decoded or set aside, by the streams and by the sinks."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producers.publisher_log import count_dead_letter
from producers.refused import payload_of
from runtime import metrics
from schemas import golden, topics
from schemas.codec import InvalidRecord, decode, validate
from schemas.dead_letter import DeadLetter
from schemas.presence import Presence
from schemas.refused import refused
from schemas.topic import Topic
from sinks.clickhouse.rows import Delivery
from sinks.clickhouse.tables import TABLES, to_row
from sinks.user_center.cloud_event import batch_body, cloud_event, record_of
from streams import models
from streams.batches.tracing import child_of
from streams.consumed import CONNECTION_SOURCES, MEDIA_SOURCES
from tests.fuzz.collected import LETTER_MAX_BYTES
from tests.fuzz.hostile import FRAGMENTS, fuzzed, mutated, odd_json, texts
from tests.unit.pipeline import Consumed, Pipeline

FOLDED = (
    topics.NODES,
    topics.REGISTRATIONS,
    topics.CALLS,
    topics.NODE_CHANGES,
    topics.CONNECTION_LOSSES,
    topics.MEDIA_UPDATES,
    *CONNECTION_SOURCES,
    *MEDIA_SOURCES,
)
_HEADER = st.tuples(st.sampled_from(["ce_id", "ce_time"]), st.none() | st.binary(max_size=9))
_DEEP = b'{"unknown":' + b"[" * 20_000 + b"]" * 20_000 + b"}"

_NOT_UTF_8 = golden.examples(topics.PRESENCE)[0].text.encode().replace(b"{", b'{"x":"\xff",', 1)


def examples(topic: Topic) -> list[dict[str, Any]]:
    return [one.value for one in golden.examples(topic)]


def hostile(topic: Topic) -> st.SearchStrategy[bytes]:
    values = examples(topic)
    return odd_json(values) | mutated([json.dumps(value).encode() for value in values])


@fuzzed(300)
@given(st.sampled_from(topics.ALL), st.data())
@example(topics.PRESENCE, None)
def test_any_value_is_a_record_or_named_invalid(topic: Topic, data: st.DataObject | None) -> None:
    value = data.draw(hostile(topic)) if data is not None else _DEEP  # once ended every reader
    for read in (decode, validate, models.decode):
        with contextlib.suppress(InvalidRecord):
            assert read(topic.model, value) is not None


@fuzzed(250)
@given(st.lists(st.sampled_from(FOLDED), min_size=1, max_size=3), st.data())
@example([topics.NODES, topics.CONNECTIONS], None)
def test_no_record_stops_the_streams(chosen: list[Topic], data: st.DataObject | None) -> None:
    pipeline = Pipeline(read=decode)  # the streams check types, producers lengths too
    for offset, topic in enumerate(chosen):
        value = data.draw(hostile(topic)) if data is not None else _DEEP
        trace = (
            data.draw(mutated([b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"])) if data else b""
        )
        record = Consumed(b"k", value, offset=offset, headers=(("traceparent", trace),))
        pipeline._fold(topic, [record])
        pipeline.wait(timedelta(seconds=1))
    for one in pipeline.dead_letters:
        assert len(one) <= LETTER_MAX_BYTES
        assert decode(DeadLetter, one).source
    pipeline.wait(timedelta(days=2))
    _registers(pipeline)


def _registers(pipeline: Pipeline) -> None:
    """Another user is still published."""
    pipeline.published.clear()
    registered = next(e for e in examples(topics.REGISTRATIONS) if e["kind"] == "registered")
    other = {"aor": "sip:other@sip.test", "node": "other", "boot": "b", "id": "other/b/1"}
    value = json.dumps(registered | other).encode()
    pipeline._fold(topics.REGISTRATIONS, [Consumed(b"sip:other@sip.test", value, offset=99)])
    assert [p.reachable for p in pipeline.published] == [True]


_WITHOUT_ZONE = "2026-01-01T00:00:00"
_LAST = "9999-12-31T23:59:59.999999-23:59"


@pytest.mark.parametrize("at", [_WITHOUT_ZONE, _LAST, "0001-01-01T00:00:00+23:59"])
@pytest.mark.parametrize("field", ["at", "expires_at"])
@pytest.mark.parametrize("topic", [topics.REGISTRATIONS, topics.NODES, topics.CONNECTIONS])
def test_an_impossible_time_stops_nothing(topic: Topic, field: str, at: str) -> None:
    """One without a zone was kept, and compared with none of the others."""
    pipeline = Pipeline()
    for value in examples(topic):
        changed = json.dumps(value | {field: at}).encode()
        pipeline._fold(topic, [Consumed(b"k", changed), Consumed(b"k", json.dumps(value).encode())])
    pipeline.wait(timedelta(seconds=60))
    _registers(pipeline)


@fuzzed(250)
@given(st.sampled_from(TABLES), st.data())
def test_any_record_is_a_row_or_a_letter(table: Any, data: st.DataObject) -> None:
    read = Delivery("t", 0, 1, data.draw(hostile(table.topic)))
    try:
        row = to_row(table, read)
    except InvalidRecord as error:
        value = read.value or b""
        refused("s", read.origin, value, error.reason, error.field, datetime.now(UTC))
    else:
        assert row is not None


@fuzzed(200)
@given(hostile(topics.PRESENCE), st.lists(_HEADER, max_size=2))
@example(_NOT_UTF_8, [])  # ended the sink
def test_any_presence_is_one_event_of_a_batch(
    value: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    try:
        event = cloud_event(decode(Presence, value), value, headers)
    except InvalidRecord:
        return
    batch_body([event]).decode()  # as it is signed
    assert record_of(event) == value.strip(b" \t\r\n")
    assert isinstance(json.loads(event, parse_int=str, parse_float=str), dict)


@fuzzed(200)
@given(mutated([b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01"]))
@example(b"\xff-" + b"0" * 32 + b"-1-1")  # ended the worker
def test_any_traceparent_has_a_child_or_none(traceparent: bytes) -> None:
    child = child_of(traceparent)
    assert child is None or child.isascii()


@fuzzed(50)
@given(st.recursive(texts() | st.floats() | st.sampled_from(["\ud800", "\udc80"]), st.lists))
def test_any_value_has_a_payload_for_dead_letters(value: Any) -> None:
    assert isinstance(payload_of(value), bytes)


def test_what_callers_write_makes_no_time_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason of a dead letter may quote callers; the metric's label must not."""
    labels: set[tuple[str, ...]] = set()
    counter = SimpleNamespace(add=lambda _, found: labels.add(tuple(found.values())))
    monkeypatch.setattr(metrics, "DEAD_LETTERS", counter)
    for text in FRAGMENTS:
        count_dead_letter("opensips/os1", f"no IPv6 address: {text}")
        count_dead_letter("opensips/os1", f"a parameter stands there twice: {text}")
    assert len(labels) == 2
