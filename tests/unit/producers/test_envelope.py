"""Records as they leave a producer: traceparent, dead letters that always fit the contract."""

import base64
import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from producers.envelope import dead_letter_record, traceparent
from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.dead_letter import MAX_PAYLOAD, DeadLetter

TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[23]")
KAFKA = KafkaSettings(namespace="test.")


def test_every_record_starts_a_trace_of_its_own() -> None:
    made = {traceparent(0.5) for _ in range(1000)}
    assert len(made) == 1000
    assert all(TRACEPARENT.fullmatch(text) for text in made)


def test_the_sampled_share_is_the_ratio() -> None:
    assert Counter(traceparent(0.0)[-2:] for _ in range(500)) == {"02": 500}
    assert Counter(traceparent(1.0)[-2:] for _ in range(500)) == {"03": 500}
    sampled = sum(traceparent(0.25).endswith("03") for _ in range(4000))
    assert 800 < sampled < 1200


def test_the_callers_span_is_carried_on() -> None:
    tracer = TracerProvider().get_tracer("test")
    with tracer.start_as_current_span("read") as span:
        context = span.get_span_context()
        version, trace_id, parent, flags = traceparent(0.0).split("-")
    assert version == "00"
    assert int(flags, 16) & 1  # sampled, as the span is
    assert int(trace_id, 16) == context.trace_id
    assert int(parent, 16) == context.span_id
    assert not trace.get_current_span().get_span_context().is_valid


@given(source=st.text(), payload=st.binary(), reason=st.text(), field=st.none() | st.text())
def test_any_input_makes_a_dead_letter_that_fits_the_contract(
    source: str, payload: bytes, reason: str, field: str | None
) -> None:
    record = dead_letter_record(KAFKA, source, payload, reason, field)
    letter = codec.validate(DeadLetter, record.value)
    assert base64.b64decode(letter.payload) == payload
    assert letter.size == len(payload)
    assert record.key == letter.source.encode()
    assert record.topic == "test.rollcall.dead-letters"


def test_hostile_lengths_and_surrogates_are_cut_and_replaced() -> None:
    payload = bytes(range(256)) * 1000
    record = dead_letter_record(KAFKA, "s" * 900, payload, "\udcff" + "r" * 5000, "f" * 5000)
    letter = codec.validate(DeadLetter, record.value)
    assert base64.b64decode(letter.payload) == payload[:MAX_PAYLOAD]
    assert letter.size == len(payload)
    assert (len(letter.source), len(letter.reason)) == (255, 1024)
    assert letter.reason.startswith("?r")


def test_a_repeat_of_a_dead_letter_has_the_same_id() -> None:
    def identity(payload: bytes, reason: str) -> bytes:
        return dict(dead_letter_record(KAFKA, "freeswitch/n", payload, reason).headers)["ce_id"]

    assert identity(b"x", "why") == identity(b"x", "why")
    assert len({identity(b"x", "why"), identity(b"y", "why"), identity(b"x", "how")}) == 3
