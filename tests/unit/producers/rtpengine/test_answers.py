"""Answers of rtpengine, recorded and malformed → figures, digits, records."""

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.rtpengine import translation
from producers.rtpengine.answers import Figures, read_calls, read_figures, read_statistics
from producers.rtpengine.context import Context
from schemas.codec import InvalidRecord, decode, encode
from schemas.media import MediaEvent
from schemas.vocabulary import MediaKind, Source
from tests.unit.rtpengine_capture import CAPTURES, answers, datagrams, queried

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


def quality(figures: Figures, call_id: str = "c@h") -> MediaEvent:
    context = Context("rtpe1", "up-1")
    event: MediaEvent = translation.quality(context, context.ticks.now(), call_id, figures).event
    return event


def stream(answer: dict[str, Any], tag: str) -> dict[str, Any]:
    return next(s for s in read_figures(answer).streams if s["tag"] == tag)


def truth(capture: str) -> dict[str, dict[str, Any]]:
    found = json.loads((CAPTURES / f"truth_{capture}.json").read_text())["truth"]
    return {party["name"]: party for party in found}


@pytest.mark.parametrize("capture", ["good", "loss"])
def test_packets_count_what_came_from_the_party(capture: str) -> None:
    answer, sent = queried(capture, "delete"), truth(capture)
    alice, bob = stream(answer, f"ft-{capture}"), stream(answer, f"tt-{capture}")
    # Recorded when the last packets were on their way.
    assert sent["alice"]["sent"] - alice["packets"] in range(4)
    assert sent["bob"]["sent"] - bob["packets"] in range(4)
    assert (alice["ssrc"], bob["ssrc"]) == (sent["alice"]["ssrc"], sent["bob"]["ssrc"])


def test_loss_belongs_to_the_party_that_reported_it() -> None:
    """30 of alice's packets were dropped: bob's reports show it, alice's do not."""
    answer = queried("loss", "delete")
    alice, bob = stream(answer, "ft-loss"), stream(answer, "tt-loss")
    assert (bob["heard_lost"], bob["heard_loss_percent"], bob["heard_mos"]) == (28, 3, 4.1)
    assert (bob["heard_jitter_ms"], bob["round_trip_ms"], bob["heard_reports"]) == (10, 1.523, 6)
    assert (alice["heard_lost"], alice["heard_loss_percent"], alice["heard_mos"]) == (2, 0, 4.4)


def test_quality_record_of_a_call_without_loss() -> None:
    event = quality(read_figures(queried("good", "query t=6.0")), "good-1795502178@sip.test")
    assert (event.kind, event.source, event.node) == (MediaKind.QUALITY, Source.RTPENGINE, "rtpe1")
    assert event.tags == ["ft-good", "tt-good"]
    assert event.created_at == datetime.fromtimestamp(1795502178, UTC).replace(microsecond=977030)
    assert event.last_packet_at == datetime.fromtimestamp(1795502184, UTC)
    assert [(s.type, s.codec, s.packets) for s in event.streams] == [
        ("audio", "PCMU/8000", 301)
    ] * 2
    assert decode(MediaEvent, encode(event)) == event


@pytest.mark.parametrize("capture", ["good", "loss", "stop_both", "offeronly"])
def test_every_recorded_answer_is_a_record(capture: str) -> None:
    found = [answer for _, answer in answers(capture) if "tags" in answer]
    assert found
    for answer in found:
        event = quality(read_figures(answer))
        assert decode(MediaEvent, encode(event)) == event
        assert all(s.packets <= 752 for s in event.streams)


def test_without_rtcp_heard_fields_are_null() -> None:
    event = quality(read_figures(queried("good", "query right after answer")))
    assert {s.heard_mos for s in event.streams} == {s.heard_lost for s in event.streams} == {None}


def test_unanswered_party_is_not_listed() -> None:
    untagged = next(a for _, a in answers("offeronly") if "<untagged 1>" in a.get("tags", {}))
    figures = read_figures(untagged)
    assert figures.tags == ["ft"]
    assert figures.last_packet_at is None  # though rtpengine shows the time of the offer


def test_two_parties_with_one_ssrc_have_no_heard_fields() -> None:
    """sipp sends from one SSRC on both legs: rtpengine mixes their reports."""
    answer = queried("loss", "delete")
    for party in answer["tags"].values():
        party["medias"][0]["streams"][0]["SSRC"] = 2496029389
    assert [s.get("heard_mos") for s in read_figures(answer).streams] == [None, None]


def test_negative_cumulative_loss_is_zero() -> None:
    """RFC 3550's signed 24 bits, which rtpengine takes for unsigned."""
    answer = queried("loss", "delete")
    answer["SSRC"]["2496029389"]["cumulative loss"] = 2**24 - 3
    assert stream(answer, "tt-loss")["heard_lost"] == 0


def test_mos_of_zero_is_null() -> None:
    answer = queried("loss", "delete")
    answer["SSRC"]["2496029389"]["average MOS"]["MOS"] = 0
    assert stream(answer, "tt-loss")["heard_mos"] is None


@pytest.mark.parametrize(
    ("way", "wrong", "field"),
    [
        (("tags",), [], "tags"),
        (("tags", "ft-loss"), 7, "tags.ft-loss"),
        (("tags", "ft-loss", "tag"), 7, "tags.ft-loss.tag"),
        (("tags", "ft-loss", "medias"), {}, "tags.ft-loss.medias"),
        (("tags", "ft-loss", "medias", 0, "codec"), 8, "tags.ft-loss.medias.0.codec"),
        (("created",), "yesterday", "created"),
        (("created",), 2**62, "created"),
        (("created_us",), -1, "created"),
        (("SSRC", "2496029389", "average MOS"), [], "SSRC.2496029389.average MOS"),
        (("SSRC", "2496029389", "average MOS", "MOS"), 4.4, "SSRC.2496029389.average MOS.MOS"),
        (("SSRC", "2496029389", "average MOS", "MOS"), 90, "streams.1.heard_mos"),
        (
            ("tags", "ft-loss", "medias", 0, "streams", 0, "stats", "packets"),
            -1,
            "streams.0.packets",
        ),
        (
            ("tags", "ft-loss", "medias", 0, "streams", 0, "stats", "packets"),
            10**400,
            "tags.ft-loss.medias.0.streams.0.stats.packets",
        ),
        (
            ("tags", "ft-loss", "medias", 0, "streams", 0, "SSRC"),
            2**32,
            "streams.0.ssrc",
        ),
    ],
)
def test_invalid_value_names_the_field(way: tuple[Any, ...], wrong: Any, field: str) -> None:
    answer: Any = queried("loss", "delete")
    inner = answer
    for step in way[:-1]:
        inner = inner[step]
    inner[way[-1]] = wrong
    with pytest.raises(InvalidRecord) as caught:
        quality(read_figures(answer))
    assert caught.value.field == field


@settings(deadline=None)
@given(st.data())
def test_any_mutated_answer_is_a_record_or_invalid(data: st.DataObject) -> None:
    """Each becomes a record that can be encoded and decoded, or raises InvalidRecord."""
    inner: Any = queried("loss", "query t=6.0")
    answer = inner
    while True:
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else [0]))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            inner[key] = data.draw(JSON)
            break
        inner = inner[key]
    with contextlib.suppress(InvalidRecord):
        event = quality(read_figures(answer))
        assert decode(MediaEvent, encode(event)) == event


@settings(deadline=None)
@given(JSON)
def test_any_listing_or_statistics_is_read_or_invalid(answer: Any) -> None:
    for read in (read_calls, read_statistics):
        for form in (answer, {"calls": answer}, {"statistics": answer}):
            with contextlib.suppress(InvalidRecord):
                read(form)


def test_recorded_digits_are_records() -> None:
    context = Context("rtpe1", "up-1")
    events = [translation.dtmf(context, context.ticks.now(), d).event for d in datagrams()]
    first = events[0]
    assert (first.kind, first.call_id) == (MediaKind.DTMF, "dtmf-1795502229@sip.test")
    assert (first.tag, first.tags) == ("ft-dtmf", ["ft-dtmf", "tt-dtmf"])
    assert (first.digit, first.duration_ms, first.streams) == (None, 160, [])
    assert not any(event.digit for event in events)
    assert {e.tag for e in events} == {"ft-dtmf", "tt-dtmf"}
    assert all(decode(MediaEvent, encode(e)) == e for e in events)


def test_digits_in_clear_where_a_use_is_named() -> None:
    context = Context("rtpe1", "up-1", digits_in_clear=True)
    first = translation.dtmf(context, context.ticks.now(), datagrams()[0]).event
    assert first.digit == "1"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"event": 17}, "event"),
        ({"event": -1}, "event"),
        ({"event": None}, "event"),
        ({"callid": None}, "call_id"),
        ({"callid": "x" * 1025}, "call_id"),
        ({"callid": "\ud800"}, "call_id"),
        ({"callid": 5}, "callid"),
        ({"tags": [7]}, "tags.0"),
        ({"tags": "a"}, "tags"),
        ({"duration": -1}, "duration_ms"),
        ({"source_tag": []}, "source_tag"),
    ],
)
def test_invalid_digit_names_the_field(changed: dict[str, Any], field: str) -> None:
    data = json.dumps({**json.loads(datagrams()[0]), **changed}).encode()
    context = Context("rtpe1", "up-1")
    with pytest.raises(InvalidRecord) as caught:
        translation.dtmf(context, context.ticks.now(), data)
    assert caught.value.field == field


@settings(deadline=None)
@given(st.binary(max_size=64) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_datagram_is_a_digit_or_invalid(data: bytes) -> None:
    context = Context("rtpe1", "up-1")
    with contextlib.suppress(InvalidRecord):
        translation.dtmf(context, context.ticks.now(), data)
