"""Assigns the RTCP receiver reports in an answer to `query` to streams, and reads them. Pure.

rtpengine keeps receiver reports by the SSRC of their reporter, and writes SSRCs and reports in
several places (daemon/call_interfaces.c: ng_stats_stream, ng_stats_stream_ssrc, ng_stats_ssrc):

| release | SSRCs, the newest first | reports |
|---|---|---|
| to mr12.3 | `SSRC` of the stream | the answer's `SSRC` object |
| mr12.4 to mr13.3 | `ingress SSRCs` of the stream | the answer's `SSRC` object |
| from mr13.4 | `SSRC` of the stream, `ingress SSRCs` of the medium | that list, and the object |

From mr13.5 and mr14.1 on `ssrc-reporting` chooses: `full` both (the default), `inline` the list,
`global` the object, `none` neither. One rule reads them all: a stream's SSRCs from every place, an
SSRC's reports beside it, else from the object. Reports that belong to no stream are counted.
"""

from collections import Counter
from typing import Any, NamedTuple

from producers.rtpengine.fields import Fields
from schemas.codec import InvalidRecord

# Causes of `rollcall_media_unread`.
NO_SSRC = "stream-without-ssrc"
UNASSIGNED = "report-of-no-stream"
SHARED = "ssrc-of-several-parties"
INCOMPLETE = "report-incomplete"

# rtpengine reads RFC 3550's signed 24 bits as unsigned: from here on more came than was sent.
_NEGATIVE_LOSS = 1 << 23
# The other members of an SSRC's object; without RTCP it has only these, or none.
_COUNTERS = frozenset({"SSRC", "bytes", "packets", "last RTP timestamp", "last RTP seq"})
_AVERAGES = ("MOS", "round-trip time", "jitter", "packet loss")


class Ssrc(NamedTuple):
    """One SSRC that a party sends from; `beside` is the object that lists it, if any."""

    number: int
    beside: Fields | None


class Sender(NamedTuple):
    """One stream of one party, and its SSRCs, the newest first."""

    tag: str
    ssrcs: list[Ssrc]


def ssrcs_of(stream: Fields, media: Fields) -> list[Ssrc]:
    """The SSRCs a party sends this stream from, the newest first. Raises InvalidRecord."""
    found: dict[int, Ssrc] = {}
    newest = stream.integer("SSRC")
    if newest is not None:
        found[newest] = Ssrc(newest, None)
    for entry in (*stream.objects("ingress SSRCs"), *media.objects("ingress SSRCs")):
        number = entry.integer("SSRC")
        if number is not None and (number not in found or found[number].beside is None):
            found[number] = Ssrc(number, entry)
    return list(found.values())


def heard(senders: list[Sender], answered: Fields) -> tuple[list[dict[str, Any]], Counter[str]]:
    """The `heard_*` fields of schemas.media.MediaStream of each sender, empty without reports; and
    how many reports could not be used, by cause.

    `answered` is the answer's `SSRC` object. The newest SSRC of a stream that has reports counts.
    Raises InvalidRecord.
    """
    reports = _Reports(senders, answered)
    fields = [reports.of(sender) for sender in senders]
    reports.count_unassigned()
    return fields, +reports.unread


class _Reports:
    """The reports in one answer; each is assigned to one stream."""

    def __init__(self, senders: list[Sender], answered: Fields) -> None:
        self._senders = senders
        self._answered = answered
        self._taken: set[int] = set()
        self._parties: dict[int, set[str]] = {}
        for sender in senders:
            for ssrc in sender.ssrcs:
                self._parties.setdefault(ssrc.number, set()).add(sender.tag)
        self.unread: Counter[str] = Counter()

    def of(self, sender: Sender) -> dict[str, Any]:
        for ssrc in sender.ssrcs:
            if (report := self._report(ssrc)) is not None:
                self._taken.add(ssrc.number)
                return self._read(report)
        return {}

    def count_unassigned(self) -> None:
        """Count reports assigned to no stream: of an SSRC in no list, or of one no longer used."""
        left = {
            ssrc.number
            for sender in self._senders
            for ssrc in sender.ssrcs
            if ssrc.beside is not None and _has_reports(ssrc.beside)
        } - self._taken
        names = {str(number) for number in self._taken | left}
        others = [name for name in self._answered.names() if name not in names]
        self.unread[UNASSIGNED] = len(left) + sum(map(self._is_report, others))

    def _report(self, ssrc: Ssrc) -> Fields | None:
        if ssrc.beside is not None and _has_reports(ssrc.beside):
            return ssrc.beside
        report = self._answered.object(str(ssrc.number))
        if not _has_reports(report):
            return None
        if len(self._parties[ssrc.number]) > 1:
            # Two parties send from one SSRC (sipp): in this object their reports are mixed.
            self.unread[SHARED] += 1
            self._taken.add(ssrc.number)
            return None
        return report

    def _read(self, report: Fields) -> dict[str, Any]:
        average, lowest = report.object("average MOS"), report.object("lowest MOS")
        samples, lost = average.integer("samples"), report.integer("cumulative loss")
        averages = [average.integer(name) for name in _AVERAGES]
        if None in (samples, lost, lowest.integer("MOS"), *averages):
            self.unread[INCOMPLETE] += 1
        if not samples:
            return {}
        _, round_trip, jitter, loss = averages
        return {
            "heard_lost": 0 if lost is not None and lost >= _NEGATIVE_LOSS else lost,
            "heard_loss_percent": loss,
            "heard_jitter_ms": jitter,
            "heard_mos": _mos(average),
            "heard_mos_lowest": _mos(lowest),
            "round_trip_ms": round_trip / 1000 if round_trip else None,
            "heard_reports": samples,
        }

    def _is_report(self, name: str) -> bool:
        try:
            return _has_reports(self._answered.object(name))
        except InvalidRecord:
            return True  # present, but not an object


def _has_reports(entry: Fields) -> bool:
    return not _COUNTERS.issuperset(entry.names())


def _mos(block: Fields) -> float | None:
    """The score, of which rtpengine writes ten times; it writes 0 where it has too few samples."""
    tenfold = block.integer("MOS")
    return tenfold / 10 if tenfold else None
