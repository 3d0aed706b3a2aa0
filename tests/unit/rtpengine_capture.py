"""Captures of a real rtpengine, and a scripted one that answers the producer's requests."""

import json
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from producers.rtpengine.answers import REASONS
from producers.rtpengine.context import Context
from producers.rtpengine.errors import NgError, NgRefused, NgUnreachable
from producers.rtpengine.settings import RtpengineSettings
from producers.rtpengine.watcher import Watcher
from producers.translated import Translated
from schemas.topic import Topic

CAPTURES = Path(__file__).parents[1] / "captures" / "rtpengine"


def answers(capture: str) -> list[tuple[str, dict[str, Any]]]:
    """(note, answer) of each NG request of `ng_CAPTURE.jsonl`."""
    with (CAPTURES / f"ng_{capture}.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["note"] or "", row["response"]) for row in rows]


def queried(capture: str, note: str) -> dict[str, Any]:
    """The answer of the request with that note; the caller's own, to change."""
    return next(answer for name, answer in answers(capture) if name == note)


def _streams(answer: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each medium with each of its streams."""
    for party in answer["tags"].values():
        for media in party["medias"]:
            for stream in media["streams"]:
                yield media, stream


def _listed_by_stream(answer: dict[str, Any]) -> None:
    """mr12.4 to mr13.3: ng_stats_stream_ssrc()."""
    for _, stream in _streams(answer):
        number = stream.pop("SSRC", None)
        stream["ingress SSRCs"] = [{"SSRC": number, **_COUNTED}] if number is not None else []
        stream["egress SSRCs"] = [{"SSRC": 77, **_COUNTED}]


def _listed_by_medium(answer: dict[str, Any], *, figures: bool) -> None:
    """From mr13.4: ng_stats_ssrc()."""
    for media, stream in _streams(answer):
        listed = media.setdefault("ingress SSRCs", [])
        media["egress SSRCs"] = [{"SSRC": 77}]
        number = stream.get("SSRC")
        if number is not None and number not in [entry["SSRC"] for entry in listed]:
            reports = answer["SSRC"].get(str(number), {})
            beside = {**_COUNTED, **reports} if figures else {}
            listed.append({"SSRC": number, **beside})
    for reports in answer["SSRC"].values():
        reports.update(_COUNTED)
    answer["created_ts"] = answer["created"] * 1_000_000 + answer["created_us"]


_COUNTED = {"bytes": 1, "packets": 1, "last RTP timestamp": 1, "last RTP seq": 1}
SHAPES = ("mr10-mr12.3", "mr12.4-mr13.3", "full", "global", "inline")


def shaped(answer: dict[str, Any], shape: str) -> dict[str, Any]:
    """A recorded answer as another release writes it: one of SHAPES, or `none`.

    After daemon/call_interfaces.c of mr12.5, mr13.3, mr13.4 and mr14.1; the last are the modes of
    `ssrc-reporting`.
    """
    answer = deepcopy(answer)
    if shape == "mr12.4-mr13.3":
        _listed_by_stream(answer)
    elif shape != "mr10-mr12.3":
        _listed_by_medium(answer, figures=shape in ("full", "inline"))
    if shape == "none":
        for media, _ in _streams(answer):
            media["ingress SSRCs"] = media["egress SSRCs"] = []
    if shape in ("inline", "none"):
        del answer["SSRC"]
    return answer


def datagrams() -> list[bytes]:
    with (CAPTURES / "dtmf_log.jsonl").open() as lines:
        return [bytes.fromhex(json.loads(line)["raw_hex"]) for line in lines]


class ScriptedNg:
    """An rtpengine of the test's making."""

    def __init__(self, calls_max: int = 100) -> None:
        self.calls_max = calls_max
        self.calls: dict[str, Any] = {}
        self.ended: Counter[str] = Counter()
        self.uptime: Any = 100
        self.failure: NgError | None = None
        self.list_limit = 10**6
        self.commands: list[str] = []

    def ask(self, command: str, **parameters: str | int) -> dict[str, Any]:
        self.commands.append(command)
        if self.failure is not None:
            raise self.failure
        if command == "ping":
            return {"result": "pong"}
        if command == "list":
            limit = int(parameters["limit"])
            if min(limit, len(self.calls)) > self.list_limit:
                raise NgUnreachable("too long for a datagram")
            return {"calls": list(self.calls)[:limit], "result": "ok"}
        if command == "statistics":
            ended = {name: self.ended[reason] for name, reason in REASONS.items()}
            totals = {"uptime": self.uptime, **ended}
            return {"statistics": {"totalstatistics": totals}, "result": "ok"}
        answer: dict[str, Any] | None = self.calls.get(str(parameters["call-id"]))
        if answer is None:
            raise NgRefused("query: Unknown call-id")
        return answer

    def close(self) -> None:
        pass

    def end(self, call_id: str, reason: str | None = "deleted") -> None:
        del self.calls[call_id]
        if reason is not None:
            self.ended[reason] += 1


class Play:
    """A watcher of a scripted rtpengine, measuring each call in every round."""

    def __init__(self, ng: ScriptedNg, **settings: Any) -> None:
        chosen: dict[str, Any] = {"node": "rtpe1", "quality_seconds": 1e-9, **settings}
        self.published: list[Translated] = []
        self.dead_letters: list[tuple[str, bytes, str, str | None]] = []
        publisher: Any = self
        self.watcher = Watcher(
            RtpengineSettings(**chosen), ng, publisher, Context("rtpe1", "run-1")
        )

    def publish(self, topic: Topic, key: str, event: Any) -> None:
        self.published.append(Translated(topic, key, event))

    def dead_letter(
        self, source: str, payload: bytes, reason: str, field: str | None = None
    ) -> None:
        self.dead_letters.append((source, payload, reason, field))

    def rounds(self, count: int = 1) -> list[Any]:
        """The events that so many rounds published."""
        before = len(self.published)
        for _ in range(count):
            self.watcher.round()
        return [record.event for record in self.published[before:]]
