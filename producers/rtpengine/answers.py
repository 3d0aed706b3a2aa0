"""What rtpengine's answers to `list`, `statistics` and `query` say. Pure.

In the answer to `query`, a stream's packets are those that came *from* the party. Under `SSRC`
stand receiver reports by their *reporter's* SSRC: they say how that party hears the other side.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from producers.rtpengine.fields import Fields
from schemas.codec import InvalidRecord

# rtpengine takes RFC 3550's signed 24 bits for unsigned: from here on more came than was sent.
_NEGATIVE_LOSS = 1 << 23
_UPTIME_MAX = 2**31


class Statistics(NamedTuple):
    """`ended`: how many calls have ended since the start, by rtpengine's reasons."""

    uptime: int
    ended: Counter[str]


# rtpengine's counters, and the word this producer says for each.
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
    """What was measured of one call; `streams` hold the fields of schemas.media.MediaStream."""

    created_at: datetime | None
    tags: list[str]
    streams: list[dict[str, Any]]

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
    """Raises InvalidRecord."""
    totals = Fields(answer).object("statistics").object("totalstatistics")
    uptime = totals.integer("uptime")
    if uptime is None or not 0 <= uptime < _UPTIME_MAX:
        raise InvalidRecord(totals.where("uptime"), "should be the seconds since the start")
    return Statistics(
        uptime, Counter({word: totals.integer(name) or 0 for name, word in REASONS.items()})
    )


def read_figures(answer: Any) -> Figures:
    """Raises InvalidRecord."""
    call = Fields(answer)
    tags: list[str] = []
    streams: list[dict[str, Any]] = []
    for party in call.object("tags").values():
        tag = party.text("tag")
        if not tag:
            continue  # `<untagged 1>`: who has not answered yet
        tags.append(tag)
        for media in party.objects("medias"):
            rtp = (s for s in media.objects("streams") if "RTP" in s.items("flags"))
            streams.extend(_stream(tag, media, stream) for stream in rtp)
    _hear(streams, call.object("SSRC"))
    created_at = call.time("created", call.integer("created_us") or 0)
    return Figures(created_at, tags, streams)


def _stream(tag: str, media: Fields, stream: Fields) -> dict[str, Any]:
    stats = stream.object("stats")
    packets = stats.integer("packets") or 0
    return {
        "tag": tag,
        "index": media.integer("index") or 0,
        "type": media.text("type") or "unknown",
        "codec": media.text("codec") or None,
        "ssrc": stream.integer("SSRC"),
        "packets": packets,
        "bytes": stats.integer("bytes") or 0,
        "errors": stats.integer("errors") or 0,
        # Before the first packet it is the time of the call's creation.
        "last_packet_at": stream.time("last packet") if packets else None,
    }


def _hear(streams: list[dict[str, Any]], reports: Fields) -> None:
    """Give each stream its party's reports; two parties of one SSRC cannot be told apart."""
    senders: dict[int, set[str]] = {}
    for stream in streams:
        senders.setdefault(stream["ssrc"], set()).add(stream["tag"])
    for stream in streams:
        ssrc = stream["ssrc"]
        if ssrc is not None and len(senders[ssrc]) == 1:
            stream.update(_heard(reports.object(str(ssrc))))


def _heard(report: Fields) -> dict[str, Any]:
    average, lowest = report.object("average MOS"), report.object("lowest MOS")
    samples = average.integer("samples")
    if not samples:
        return {}
    lost = report.integer("cumulative loss")
    round_trip = average.integer("round-trip time")
    return {
        "heard_lost": 0 if lost is not None and lost >= _NEGATIVE_LOSS else lost,
        "heard_loss_percent": average.integer("packet loss"),
        "heard_jitter_ms": average.integer("jitter"),
        "heard_mos": _mos(average),
        "heard_mos_lowest": _mos(lowest),
        "round_trip_ms": round_trip / 1000 if round_trip else None,
        "heard_reports": samples,
    }


def _mos(block: Fields) -> float | None:
    """Ten times the score; 0 where there was too little to reckon it from."""
    tenfold = block.integer("MOS")
    return tenfold / 10 if tenfold else None
