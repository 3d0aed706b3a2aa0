"""Captures of a real rtpengine, and a scripted one that answers the producer's questions."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from producers.rtpengine.answers import REASONS
from producers.rtpengine.context import Context, Translated
from producers.rtpengine.errors import NgError, NgRefused, NgUnreachable
from producers.rtpengine.settings import RtpengineSettings
from producers.rtpengine.watcher import Watcher
from schemas.topics import Topic

CAPTURES = Path(__file__).parents[1] / "captures" / "rtpengine"


def answers(capture: str) -> list[tuple[str, dict[str, Any]]]:
    """(note, answer) of each NG request of `ng_CAPTURE.jsonl`."""
    with (CAPTURES / f"ng_{capture}.jsonl").open() as lines:
        rows = [json.loads(line) for line in lines]
    return [(row["note"] or "", row["response"]) for row in rows]


def queried(capture: str, note: str) -> dict[str, Any]:
    """The answer of the request with that note; the caller's own, to change."""
    return next(answer for said, answer in answers(capture) if said == note)


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
        self.asked: list[str] = []

    def ask(self, command: str, **parameters: str | int) -> dict[str, Any]:
        self.asked.append(command)
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
            ended = {name: self.ended[word] for name, word in REASONS.items()}
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
