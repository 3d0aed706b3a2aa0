"""Media of calls, joined with the legs of their users by Call-ID, in either order."""

from typing import Any

from schemas import codec, topics
from schemas.internal import CallOwner, MediaState
from schemas.media import MediaEvent, MediaStream
from schemas.session import Leg, Session
from schemas.vocabulary import CallKind, MediaKind, Source
from streams import models
from streams.folds.call import fold_call
from streams.folds.media import fold_call_owner, fold_media
from tests.unit.fold_events import AOR, call, moment, registered
from tests.unit.pipeline import Pipeline

CALL_ID = "a-call@fs1"


def _stream(**figures: float) -> MediaStream:
    return MediaStream(
        tag="t",
        index=1,
        type="audio",
        packets=10,
        bytes=1720,
        errors=0,
        **figures,  # type: ignore[arg-type]  # of several types
    )


def _media(kind: MediaKind, at: float, *streams: MediaStream, call_id: str = CALL_ID) -> Any:
    return MediaEvent(
        id=f"rtpe1/boot/{at}",
        source=Source.RTPENGINE,
        node="rtpe1",
        boot="boot",
        seq=round(at * 1e6),
        at=moment(at),
        kind=kind,
        call_id=call_id,
        tags=["t", "u"],
        streams=list(streams),
    )


def _pipeline(*kinds: CallKind) -> Pipeline:
    pipeline = Pipeline()
    pipeline.feed(topics.REGISTRATIONS, [(AOR, registered(1))])
    for number, kind in enumerate(kinds, start=2):
        pipeline.feed(topics.CALLS, [(AOR, call(kind, number, sip_call_id=CALL_ID))])
    return pipeline


def _feed(pipeline: Pipeline, *events: MediaEvent) -> None:
    for event in events:
        pipeline.feed(topics.MEDIA, [(event.call_id, event)])


def _owner() -> CallOwner:
    owner = fold_call(Session(aor=AOR), call(CallKind.ANSWERED, 2, sip_call_id=CALL_ID)).owner
    assert isinstance(owner, models.CallOwner)
    return owner


def _joined() -> MediaState:
    """The call, known to be the user's."""
    known = MediaState()
    fold_call_owner(known, _owner())
    return known


def _leg(pipeline: Pipeline) -> Leg:
    session: Session = codec.decode(topics.SESSIONS.model, pipeline.state.sessions[AOR.encode()])
    (leg,) = session.calls.values()
    return leg


GOOD, POOR = (
    _stream(heard_mos=4.4, heard_loss_percent=0.0),
    _stream(heard_mos=2.1, heard_loss_percent=9.0, heard_jitter_ms=30.0, round_trip_ms=80.0),
)


def test_leg_gets_the_worst_figures_of_the_parties_unpublished() -> None:
    pipeline = _pipeline(CallKind.RINGING, CallKind.ANSWERED)
    before = len(pipeline.published)
    _feed(pipeline, _media(MediaKind.QUALITY, 10, GOOD, POOR))
    media = _leg(pipeline).media
    assert media is not None
    assert (media.mos, media.loss_percent, media.jitter_ms, media.round_trip_ms) == (2.1, 9, 30, 80)
    assert (media.event, media.timed_out) == ("rtpe1/boot/10", False)
    assert len(pipeline.published) == before


def test_figures_that_come_before_the_leg_wait_for_it() -> None:
    pipeline = _pipeline()
    _feed(pipeline, _media(MediaKind.QUALITY, 1, GOOD))
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.ANSWERED, 2, sip_call_id=CALL_ID))])
    media = _leg(pipeline).media
    assert media is not None
    assert media.mos == 4.4


def test_leg_that_reports_its_call_id_late_is_joined_then() -> None:
    pipeline = _pipeline()
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.RINGING, 2, sip_call_id=None))])
    _feed(pipeline, _media(MediaKind.QUALITY, 3, GOOD))
    assert _leg(pipeline).media is None
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.ANSWERED, 4, sip_call_id=CALL_ID))])
    assert _leg(pipeline).media is not None


def test_lost_media_shows_in_the_call_and_older_figures_do_not_take_it_back() -> None:
    pipeline = _pipeline(CallKind.ANSWERED)
    _feed(
        pipeline,
        _media(MediaKind.QUALITY, 10, GOOD),
        _media(MediaKind.TIMED_OUT, 70, GOOD),
        _media(MediaKind.TIMED_OUT, 70, GOOD),
        _media(MediaKind.QUALITY, 65, GOOD),
    )
    assert pipeline.changes("1001")[-2:] == [
        "on-the-phone call-answered",
        "on-the-phone media-lost",
    ]
    assert [c.media_lost for c in pipeline.published[-1].calls] == [True]
    assert pipeline.published[-1].evidence[0] == "rtpe1/boot/70"


def test_media_that_comes_again_is_published() -> None:
    """A re-INVITE after rtpengine gave the call up, or a second rtpengine on its way."""
    pipeline = _pipeline(CallKind.ANSWERED)
    _feed(pipeline, _media(MediaKind.TIMED_OUT, 70, GOOD), _media(MediaKind.QUALITY, 80, GOOD))
    assert pipeline.changes("1001")[-2:] == [
        "on-the-phone media-lost",
        "on-the-phone media-restored",
    ]
    assert [c.media_lost for c in pipeline.published[-1].calls] == [False]


def test_another_calls_media_and_digits_change_nothing() -> None:
    pipeline = _pipeline(CallKind.ANSWERED)
    _feed(
        pipeline,
        _media(MediaKind.QUALITY, 10, GOOD, call_id="other@fs1"),
        _media(MediaKind.DTMF, 11),
    )
    assert _leg(pipeline).media is None
    _feed(pipeline, _media(MediaKind.QUALITY, 12, GOOD))
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.ENDED, 20, sip_call_id=CALL_ID))])
    _feed(pipeline, _media(MediaKind.ENDED, 21, GOOD))
    assert pipeline.changes("1001")[-1] == "online call-ended"
    assert not pipeline.dead_letters


def test_a_leg_that_comes_last_gets_what_was_measured_last() -> None:
    """Though older figures were read after that."""
    poor, good = _media(MediaKind.QUALITY, 20, POOR), _media(MediaKind.QUALITY, 10, GOOD)
    pipeline = _pipeline()
    _feed(pipeline, poor, good)
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.ANSWERED, 2, sip_call_id=CALL_ID))])
    media = _leg(pipeline).media
    assert media is not None
    assert media.mos == 2.1


def test_leg_announced_twice_is_answered_once() -> None:
    """Announcements go out before the state: after a crash they go out again."""
    known = _joined()
    fold_call_owner(known, _owner())
    assert len(fold_media(known, _media(MediaKind.QUALITY, 10, GOOD))) == 1


def test_lost_media_stays_lost_when_earlier_figures_are_read_again() -> None:
    pipeline = _pipeline(CallKind.ANSWERED)
    before = _media(MediaKind.QUALITY, 10, GOOD)
    _feed(pipeline, before, _media(MediaKind.TIMED_OUT, 70, GOOD))
    changes = pipeline.changes("1001")
    assert changes[-1] == "on-the-phone media-lost"
    (again,) = fold_media(_joined(), before)
    pipeline.feed(topics.MEDIA_UPDATES, [(AOR, again)])
    assert pipeline.changes("1001") == changes
    timed_out = _leg(pipeline).media
    assert timed_out is not None
    assert timed_out.timed_out


def test_media_that_is_only_measured_is_not_shown_as_lost() -> None:
    pipeline = _pipeline(CallKind.ANSWERED)
    _feed(pipeline, _media(MediaKind.QUALITY, 10, GOOD), _media(MediaKind.QUALITY, 20, POOR))
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.HELD, 30, sip_call_id=CALL_ID))])
    assert pipeline.changes("1001")[1:] == ["on-the-phone call-answered", "held call-held"]
    assert [c.media_lost for c in pipeline.published[-1].calls] == [False]
