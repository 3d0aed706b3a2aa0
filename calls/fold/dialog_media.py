"""Media and speech folds: (call, event) -> call, for one of its dialogs or legs. Pure."""

from collections.abc import Callable, Iterable

from calls.fold.call import Call
from calls.fold.leg import count_once
from schemas.call_record import CallMedia, CallSpeech
from schemas.media import MediaEvent
from schemas.speech import SpeechEvent
from schemas.vocabulary import MediaKind

# Of a call; more are not kept.
MAX_MEDIA = 64
MAX_SPEECH = 256


def fold_media(call: Call, event: MediaEvent) -> None:
    """The last figures of the dialog count: they are of the whole call up to then."""
    key = event.node, event.call_id
    media = call.media.get(key)
    if media is None:
        if len(call.media) >= MAX_MEDIA:
            return
        media = call.media[key] = CallMedia(node=event.node, call_id=event.call_id)
    if event.kind is MediaKind.DTMF:
        media.digits += count_once(media.digit_seqs, event.seq)
        return
    if media.at is not None and event.at < media.at:
        return
    media.at = event.at
    media.mos = _worst(min, (stream.heard_mos for stream in event.streams))
    media.loss_percent = _worst(max, (stream.heard_loss_percent for stream in event.streams))
    media.jitter_ms = _worst(max, (stream.heard_jitter_ms for stream in event.streams))
    media.round_trip_ms = _worst(max, (stream.round_trip_ms for stream in event.streams))
    media.timed_out = event.kind is MediaKind.TIMED_OUT


def fold_speech(call: Call, event: SpeechEvent) -> None:
    """Each event has all of its session; nothing follows its end."""
    known = call.speech.get(event.session)
    if known is None:
        if len(call.speech) >= MAX_SPEECH:
            return
    elif known.ended is not None or (event.ended_at is None and event.seq < known.seq):
        return
    call.speech[event.session] = CallSpeech(
        session=event.session,
        source=event.source,
        node=event.node,
        leg=event.leg,
        kind=event.resource,
        aor=event.aor,
        engine=event.engine,
        server=event.server,
        started=event.started_at,
        input_started=event.input_started_at,
        result=event.result_at,
        results=event.results,
        ended=event.ended_at,
        cause=event.cause,
        latency=event.latency,
        channel=event.channel,
        seq=event.seq,
    )


def _worst(
    which: Callable[[Iterable[float]], float], figures: Iterable[float | None]
) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return which(known) if known else None
