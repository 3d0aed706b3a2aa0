"""Measured figures, ends of calls and DTMF → `rollcall.media`. Pure."""

import json
from typing import Any

from producers.receive_times import Received
from producers.rtpengine.answers import Figures
from producers.rtpengine.context import Context
from producers.rtpengine.end_reasons import TIMEOUTS
from producers.rtpengine.fields import Fields
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.media import MediaEvent
from schemas.topics import MEDIA
from schemas.vocabulary import MediaKind

# RFC 4733 §3.2, by event code.
_DIGITS = "0123456789*#ABCD!"


def quality(context: Context, received: Received, call_id: str, figures: Figures) -> Translated:
    """What was measured of a call that goes on. Raises InvalidRecord."""
    return _media(context, received, MediaKind.QUALITY, call_id, figures)


def end(
    context: Context, received: Received, call_id: str, figures: Figures, reason: str | None
) -> Translated:
    """The end of a call, with its last figures. Raises InvalidRecord."""
    kind = MediaKind.TIMED_OUT if reason in TIMEOUTS else MediaKind.ENDED
    return _media(context, received, kind, call_id, figures, reason)


def dtmf(context: Context, received: Received, data: bytes) -> Translated:
    """A datagram of `dtmf-log-dest`; the digit's value only where the settings name a use.

    Raises InvalidRecord.
    """
    try:
        digit = Fields(json.loads(data))
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(None, f"not JSON: {error}") from error
    code = digit.integer("event")
    if code is None or not 0 <= code < len(_DIGITS):
        raise InvalidRecord("event", f"should be 0-{len(_DIGITS) - 1}")
    event = build(
        MediaEvent,
        **context.origin(received),
        kind=MediaKind.DTMF,
        call_id=digit.text("callid") or "",
        tags=digit.items("tags"),
        streams=[],
        tag=digit.text("source_tag"),
        digit=_DIGITS[code] if context.digits_in_clear else None,
        duration_ms=digit.integer("duration"),
    )
    return Translated(MEDIA, event.call_id, event)


def _media(
    context: Context,
    received: Received,
    kind: MediaKind,
    call_id: str,
    figures: Figures,
    reason: str | None = None,
) -> Translated:
    fields: dict[str, Any] = {
        "call_id": call_id,
        "created_at": figures.created_at,
        "tags": figures.tags,
        "streams": figures.streams,
        "last_packet_at": figures.last_packet_at,
        "reason": reason,
    }
    event = build(MediaEvent, **context.origin(received), kind=kind, **fields)
    return Translated(MEDIA, call_id, event)
