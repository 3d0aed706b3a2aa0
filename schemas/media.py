"""rollcall.media: the media quality and events of each call, by the SIP Call-ID."""

from dataclasses import dataclass as plain_dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Event, Identifier, Text
from schemas.vocabulary import MediaKind

# What a call can carry: parties, and media of each.
_MAX_STREAMS = 64
_Count = Annotated[int, Field(ge=0, le=2**63 - 1)]
_Ssrc = Annotated[int, Field(ge=0, le=2**32 - 1)]
_Mos = Annotated[float, Field(ge=1, le=5)]
_Percent = Annotated[float, Field(ge=0, le=100)]
_Milliseconds = Annotated[float, Field(ge=0)]


@plain_dataclass(slots=True, kw_only=True)
class MediaStream:
    """One medium of one party: what it sent, and how well it receives the other side.

    `heard_*` are the figures of the party's own RTCP receiver reports, averaged over the call so
    far; null where it sends none.
    """

    tag: Annotated[Text, Field(description="SIP tag of the party.")]
    index: Annotated[_Count, Field(description="Of the medium in the party's SDP, from 1.")]
    type: Annotated[Identifier, Field(description="audio, video, ...")]
    codec: Annotated[Identifier | None, Field(description="For example PCMU/8000.")] = None
    ssrc: Annotated[_Ssrc | None, Field(description="Of what the party sends now.")] = None
    packets: Annotated[
        _Count,
        Field(description="RTP packets received from the party; with rtcp-mux RTCP counts too."),
    ]
    bytes: Annotated[_Count, Field(description="Their bytes.")]
    errors: Annotated[_Count, Field(description="Of them, not forwarded.")]
    last_packet_at: Annotated[
        datetime | None,
        Field(description="When the last packet was received, to the second; null: none ever was."),
    ] = None
    heard_lost: Annotated[
        _Count | None, Field(description="RTP packets lost on the way to the party.")
    ] = None
    heard_loss_percent: Annotated[
        _Percent | None, Field(description="The same, in percent of those sent (0-100).")
    ] = None
    heard_jitter_ms: Annotated[
        _Milliseconds | None, Field(description="Interarrival jitter (RFC 3550), milliseconds.")
    ] = None
    heard_mos: Annotated[
        _Mos | None, Field(description="Mean opinion score, 1.0 (bad) to 5.0, estimated.")
    ] = None
    heard_mos_lowest: Annotated[
        _Mos | None, Field(description="The lowest of a single report.")
    ] = None
    round_trip_ms: Annotated[
        _Milliseconds | None,
        Field(description="From the party to its peer and back, milliseconds."),
    ] = None
    heard_reports: Annotated[
        _Count | None, Field(description="How many reports the averages are of.")
    ] = None


@dataclass(config=RECORD, slots=True, kw_only=True)
class MediaEvent(Event):
    """Media quality of one call, or one event of its media.

    `node` is the media proxy. Figures count from the beginning of the call; on ENDED and TIMED_OUT
    they are the last ones measured.
    """

    kind: MediaKind
    call_id: Annotated[
        str, Field(min_length=1, max_length=1024, description="SIP Call-ID of the dialog.")
    ]
    tags: Annotated[
        list[Text], Field(max_length=_MAX_STREAMS, description="SIP tags of the parties.")
    ]
    streams: Annotated[
        list[MediaStream],
        Field(max_length=_MAX_STREAMS, description="One a party and medium; none on DTMF."),
    ]
    created_at: Annotated[
        datetime | None, Field(description="When the call was set up at the media proxy.")
    ] = None
    last_packet_at: Annotated[
        datetime | None, Field(description="The latest of the streams', to the second.")
    ] = None
    reason: Annotated[
        Text | None,
        Field(description="ENDED, TIMED_OUT: which of the media proxy's reasons, where known."),
    ] = None
    tag: Annotated[Text | None, Field(description="DTMF: of the party that pressed it.")] = None
    digit: Annotated[
        Annotated[str, Field(max_length=1)] | None,
        Field(
            description="DTMF, published in clear: 0-9, *, #, A-D, ! for a hook flash (RFC 4733)."
        ),
    ] = None
    duration_ms: Annotated[
        _Count | None, Field(description="DTMF: how long it was held, in milliseconds.")
    ] = None
