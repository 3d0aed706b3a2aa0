"""Readers of rtpengine's answers to `list`, `statistics` and `query`. Pure.

In the answer to `query`, a stream's packets are those that came *from* the party. Receiver reports
are listed under their *reporter's* SSRC (producers/rtpengine/reports.py): they measure how that
party hears the other side.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from producers.rtpengine.fields import Fields
from producers.rtpengine.reports import NO_SSRC, Sender, Ssrc, heard, ssrcs_of
from schemas.codec import InvalidRecord

# A cause of `rollcall_media_unread`, beside those of producers/rtpengine/reports.py.
_NO_COUNTERS = "stream-without-counters"
_UPTIME_MAX = 2**31


class Statistics(NamedTuple):
    """`ended`: how many calls have ended since the start, by rtpengine's reasons."""

    uptime: int
    ended: Counter[str]


# rtpengine's counters, and the published reason for each.
REASONS = {
    "timeoutsessions": "timeout",
    "silenttimeoutsessions": "silent-timeout",
    "offertimeoutsessions": "offer-timeout",
    "finaltimeoutsessions": "final-timeout",
    "regularterminatedsessions": "deleted",
    "forcedterminatedsessions": "force-deleted",
    "rejectedsessions": "rejected",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one call; `streams` hold the fields of schemas.media.MediaStream.

    `unread` counts, by cause, what the answer held and no field could be read from.
    """

    created_at: datetime | None
    tags: list[str]
    streams: list[dict[str, Any]]
    unread: Counter[str] = field(default_factory=Counter)

    @property
    def last_packet_at(self) -> datetime | None:
        times = [s["last_packet_at"] for s in self.streams if s["last_packet_at"] is not None]
        return max(times, default=None)


def read_calls(answer: Any) -> list[str]:
    """The Call-IDs. Raises InvalidRecord."""
    calls = Fields(answer).items("calls")
    if not all(isinstance(call, str) for call in calls):
        raise InvalidRecord("calls", "should be a list of texts")
    return calls


def read_statistics(answer: Any) -> Statistics:
    """The uptime and the counters of ended calls. Raises InvalidRecord."""
    totals = Fields(answer).object("statistics").object("totalstatistics")
    uptime = totals.integer("uptime")
    if uptime is None or not 0 <= uptime < _UPTIME_MAX:
        raise InvalidRecord(totals.where("uptime"), "should be the seconds since the start")
    return Statistics(
        uptime, Counter({reason: totals.integer(name) or 0 for name, reason in REASONS.items()})
    )


def read_figures(answer: Any) -> Figures:
    """What was measured of one call. Raises InvalidRecord."""
    call = Fields(answer)
    tags: list[str] = []
    streams: list[dict[str, Any]] = []
    senders: list[Sender] = []
    unread: Counter[str] = Counter()
    for party in call.object("tags").values():
        tag = party.text("tag")
        if not tag:
            continue  # `<untagged 1>`: a party that has not answered yet
        tags.append(tag)
        for media in party.objects("medias"):
            for stream in media.objects("streams"):
                if "RTP" not in stream.items("flags"):
                    continue
                sender = Sender(tag, ssrcs_of(stream, media))
                senders.append(sender)
                streams.append(_stream(tag, media, stream, sender.ssrcs))
                unread.update(_missing(media, stream, sender.ssrcs))
    reported, unused = heard(senders, call.object("SSRC"))
    for fields, reports in zip(streams, reported, strict=True):
        fields.update(reports)
    created_at = call.time("created", call.integer("created_us") or 0)
    return Figures(created_at, tags, streams, unread + unused)


def _stream(tag: str, media: Fields, stream: Fields, ssrcs: list[Ssrc]) -> dict[str, Any]:
    stats = stream.object("stats")
    packets = stats.integer("packets") or 0
    return {
        "tag": tag,
        "index": media.integer("index") or 0,
        "type": media.text("type") or "unknown",
        "codec": media.text("codec") or None,
        "ssrc": ssrcs[0].number if ssrcs else None,
        "packets": packets,
        "bytes": stats.integer("bytes") or 0,
        "errors": stats.integer("errors") or 0,
        # Before the first packet it is the time of the call's creation.
        "last_packet_at": stream.time("last packet") if packets else None,
    }


def _missing(media: Fields, stream: Fields, ssrcs: list[Ssrc]) -> list[str]:
    """The causes for which fields of a stream are empty though rtpengine measures them."""
    stats = stream.object("stats")
    causes = []
    counters = [stats.integer(name) for name in ("packets", "bytes", "errors")]
    if None in (*counters, stream.time("last packet")):
        causes.append(_NO_COUNTERS)
    # Packets of fax over UDPTL are counted too; without RTP there is no SSRC.
    if counters[0] and not ssrcs and "RTP" in (media.text("protocol") or "RTP"):
        causes.append(NO_SSRC)
    return causes
