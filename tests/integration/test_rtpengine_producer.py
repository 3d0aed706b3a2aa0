"""From packets on the wire to the media topic: a real rtpengine, a real Kafka, the stage."""

from pathlib import Path
from typing import Any

import pytest

from local.network import free_port
from runtime.kafka import KafkaSettings
from schemas.media import MediaEvent, MediaStream
from schemas.node import NodeEvent
from schemas.topics import DEAD_LETTERS, MEDIA, NODES
from schemas.vocabulary import MediaKind, NodeKind
from tests.eventually import eventually
from tests.integration.freeswitch_process import records
from tests.integration.rtpengine_support import Call, Rtpengine
from tests.stages import StageProcess


def producer(kafka: KafkaSettings, folder: Path, **settings: Any) -> StageProcess:
    named = {f"ROLLCALL_RTPENGINE_{name.upper()}": str(v) for name, v in settings.items()}
    return StageProcess(
        "producers.rtpengine.stage",
        folder,
        kafka,
        ROLLCALL_RTPENGINE_NODE="rtpe1",
        ROLLCALL_RTPENGINE_POLL_SECONDS="0.2",
        ROLLCALL_RTPENGINE_QUALITY_SECONDS="0.4",
        ROLLCALL_RTPENGINE_LOST_AFTER_SECONDS="1",
        ROLLCALL_PUBLISHER_SPOOL_FOLDER=str(folder / "spool"),
        **named,
    )


def media(kafka: KafkaSettings, call_id: str, kind: MediaKind) -> list[MediaEvent]:
    """In order: a call's records are in one partition."""
    found = [(key, event) for key, event in records(kafka, MEDIA) if event.call_id == call_id]
    assert {key for key, _ in found} <= {call_id}
    return [event for _, event in found if event.kind is kind]


def nodes(kafka: KafkaSettings, kind: NodeKind) -> list[NodeEvent]:
    return [event for _, event in records(kafka, NODES) if event.kind is kind]


def stream(event: MediaEvent, tag: str) -> MediaStream:
    return next(s for s in event.streams if s.tag == tag)


def hears_loss(event: MediaEvent, tag: str) -> bool:
    party = stream(event, tag)
    return bool(party.heard_lost and party.heard_mos and party.round_trip_ms)


@pytest.mark.timeout(300)
def test_quality_digits_ends_and_timeouts(kafka: KafkaSettings, tmp_path: Path) -> None:
    dtmf = free_port()
    with (
        Rtpengine(tmp_path, timeout=3, **{"dtmf-log-dest": f"127.0.0.1:{dtmf}"}) as rtpengine,
        producer(
            kafka, tmp_path, ng=f"127.0.0.1:{rtpengine.ng_port}", listen_dtmf=f"127.0.0.1:{dtmf}"
        ) as stage,
    ):
        with (
            Call(rtpengine, "lossy@127.0.0.1", drop_every=5) as lossy,
            Call(rtpengine, "böse 100%@127.0.0.1") as good,
        ):
            bob = lossy.bob.tag
            eventually(
                lambda: any(
                    hears_loss(e, bob) for e in media(kafka, lossy.call_id, MediaKind.QUALITY)
                ),
                60,
                what="quality with the loss of bob's reports",
            )
            good.alice.press(5)
            eventually(lambda: media(kafka, good.call_id, MediaKind.DTMF), what="the digit")
            good.delete()
            (ended,) = eventually(lambda: media(kafka, good.call_id, MediaKind.ENDED), what="end")
            lossy.hush()
            (timed_out,) = eventually(
                lambda: media(kafka, lossy.call_id, MediaKind.TIMED_OUT), what="media timeout"
            )
            before = stage.status()
        assert stage.terminate() == 0

    assert ended.reason == "deleted"
    assert set(ended.tags) == {good.alice.tag, good.bob.tag}
    assert stream(ended, good.bob.tag).heard_lost in (0, None)
    assert 0 < stream(ended, good.alice.tag).packets <= good.alice.sent

    (digit,) = media(kafka, good.call_id, MediaKind.DTMF)
    assert (digit.digit, digit.tag, digit.duration_ms) == (None, good.alice.tag, 100)

    assert timed_out.reason == "timeout"
    of_bob, of_alice = (stream(timed_out, p.tag) for p in (lossy.bob, lossy.alice))
    assert of_alice.packets == lossy.alice.sent
    assert of_alice.ssrc == lossy.alice.ssrc
    assert lossy.alice.dropped >= (of_bob.heard_lost or 0) > 0
    assert 10 <= (of_bob.heard_loss_percent or 0) <= 30  # one in five was dropped
    assert (of_bob.heard_mos or 5) < (of_alice.heard_mos or 0)
    assert timed_out.last_packet_at is not None
    assert 2 <= (timed_out.at - timed_out.last_packet_at).total_seconds() <= 10

    measured = media(kafka, lossy.call_id, MediaKind.QUALITY)
    assert [e.seq for e in measured] == sorted(e.seq for e in measured)
    packets = [stream(e, lossy.alice.tag).packets for e in measured]
    assert packets == sorted(packets)
    assert media(kafka, lossy.call_id, MediaKind.ENDED) == []
    assert media(kafka, good.call_id, MediaKind.TIMED_OUT) == []

    assert (before["up"], before["calls"]) == (True, 0)
    (up,) = nodes(kafka, NodeKind.UP)
    assert {b.boot for b in nodes(kafka, NodeKind.HEARTBEAT)} == {up.boot, timed_out.boot}
    assert nodes(kafka, NodeKind.DOWN) == []
    assert records(kafka, DEAD_LETTERS) == []


@pytest.mark.timeout(300)
def test_over_http_through_a_crash_of_rtpengine(kafka: KafkaSettings, tmp_path: Path) -> None:
    with (
        Rtpengine(tmp_path, timeout=60) as rtpengine,
        producer(kafka, tmp_path, ng_url=f"http://127.0.0.1:{rtpengine.http_port}/ng") as stage,
        Call(rtpengine, "cut@127.0.0.1") as cut,
    ):
        eventually(lambda: media(kafka, cut.call_id, MediaKind.QUALITY), what="quality")
        rtpengine.kill()
        cut.hush()
        (down,) = eventually(lambda: nodes(kafka, NodeKind.DOWN), what="down")
        eventually(lambda: not stage.status()["up"])
        assert media(kafka, cut.call_id, MediaKind.ENDED) == []  # not known yet
        rtpengine.start()
        (ended,) = eventually(lambda: media(kafka, cut.call_id, MediaKind.ENDED), what="its end")
        with Call(rtpengine, "next@127.0.0.1") as after:
            eventually(lambda: media(kafka, after.call_id, MediaKind.QUALITY), what="quality again")
    assert ended.reason == "rtpengine-restarted"
    first, second = nodes(kafka, NodeKind.UP)
    assert first.boot == down.boot == ended.boot != second.boot
    assert {e.boot for e in media(kafka, after.call_id, MediaKind.QUALITY)} == {second.boot}
