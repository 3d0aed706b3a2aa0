"""Polls rtpengine: lists its calls, measures those that are due, and reports those that have ended.

Runs in the stage's own thread. A round is a listing, the statistics (also the heartbeat), and
questions about the calls that are due, as many as fit before the next round.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from producers.publisher import Publisher
from producers.refused import payload_of
from producers.rtpengine import translation
from producers.rtpengine.answers import read_calls, read_figures, read_statistics
from producers.rtpengine.calls import Call, Calls
from producers.rtpengine.context import Context
from producers.rtpengine.end_reasons import EndedCall, EndReasons
from producers.rtpengine.errors import NgError, NgRefused, NgUnreachable, NgUnreadable
from producers.rtpengine.ng import Answer, Ng
from producers.rtpengine.node import Node
from producers.rtpengine.problems import RoundProblems, UnreadFigures
from producers.rtpengine.settings import RtpengineSettings
from producers.translated import Translated
from runtime import metrics
from schemas.codec import InvalidRecord

_CALLS_MIN = 16
_RESTARTED = "rtpengine-restarted"
T = TypeVar("T")


class Watcher:
    """Publishes what each round finds. Not thread-safe."""

    def __init__(
        self, settings: RtpengineSettings, ng: Ng, publisher: Publisher, context: Context
    ) -> None:
        self._settings = settings
        self._ng = ng
        self._publisher = publisher
        self._context = context
        self._node = Node(context, settings.lost_after_seconds)
        self._calls = Calls()
        self._end_reasons = EndReasons()
        self._calls_max = ng.calls_max
        self._labels = {"source": "rtpengine", "node": settings.node}
        self._lists_all = True
        self._unread = UnreadFigures(self._labels)
        self._problems = RoundProblems()
        self.answers = 0

    @property
    def is_up(self) -> bool:
        return self._node.is_up

    def round(self) -> NgError | None:
        """One round. Returns its error; what was read before the error is published."""
        began = time.monotonic()
        self._problems.begin_round()
        try:
            self._survey()
            self._measure(began + self._settings.poll_seconds)
        except NgError as error:
            self._fail(error)
            return error
        return None

    def status(self) -> dict[str, Any]:
        """For /status."""
        return {
            "node": self._context.node,
            "boot": self._context.boot,
            "up": self.is_up,
            "calls": len(self._calls),
            "answers": self.answers,
            "unread": dict(self._unread.counts),
        }

    def _survey(self) -> None:
        listed = self._read(read_calls, self._list())
        statistics = self._read(read_statistics, self._ask("statistics"))
        received, now = self._context.ticks.now(), time.monotonic()
        if self._node.has_restarted(statistics.uptime, now):
            self._end_all_but(listed)
        self._publish(self._node.answered(statistics.uptime, received, now))
        for call_id in self._calls.listed(listed, received.at, now):
            self._refuse(payload_of(call_id), "no Call-ID a record can carry", "calls")
        self._lists_all = len(listed) < self._calls_max
        if self._lists_all:
            self._calls_max = self._ng.calls_max  # a listing of the configured size fits again
        else:
            detail = f"more than {self._calls_max} calls: set ng_url"
            self._problems.report("calls-unlisted", detail)
        missing = self._calls.missing(listed) if self._lists_all else []
        ended = [call.ended() for call in missing]
        for call, reason in self._end_reasons.assign(ended, statistics.ended):
            self._publish_end(call, reason)
        metrics.MEDIA_CALLS.set(len(self._calls), self._labels)

    def _list(self) -> Answer:
        """A listing too long for a datagram is never answered: fewer calls are listed next."""
        try:
            return self._ask("list", limit=self._calls_max)
        except NgUnreachable:
            self._ask("ping")
            self._calls_max = max(_CALLS_MIN, self._calls_max // 2)
            raise

    def _measure(self, until: float) -> None:
        for call in self._calls.due(time.monotonic()):
            if time.monotonic() > until:
                return
            call.due = time.monotonic() + self._settings.quality_seconds
            try:
                answer = self._ask("query", **{"call-id": call.call_id})
            except NgRefused:
                if not self._lists_all:  # else the next listing shows that it has ended
                    self._calls.remove(call)
                    self._publish_end(call.ended(), None)
                continue
            except NgUnreadable as error:
                self._refuse_once(call, error.payload, str(error), error.field)
                continue
            self._publish_quality(call, answer)

    def _publish_quality(self, call: Call, answer: Any) -> None:
        """The first figures only show who is in the call; from the second on they are published."""
        try:
            figures = read_figures(answer)
            record = translation.quality(
                self._context, self._context.ticks.now(), call.call_id, figures
            )
        except InvalidRecord as error:
            self._refuse_once(call, payload_of(answer), error.reason, error.field)
            return
        self._unread.add(call.call_id, figures.unread)
        call.figures = figures
        if call.is_measured:
            self._publish([record])
        call.is_measured = True

    def _end_all_but(self, listed: list[str]) -> None:
        """rtpengine restarted: its calls have ended, except those that it restored (Redis)."""
        waiting = self._end_reasons.reset()
        for ended in [*waiting, *(call.ended() for call in self._calls.missing(listed))]:
            self._publish_end(ended, _RESTARTED)

    def _publish_end(self, call: EndedCall, reason: str | None) -> None:
        received = self._context.ticks.now()
        self._publish(
            [translation.end(self._context, received, call.call_id, call.figures, reason)]
        )

    def _ask(self, command: str, **parameters: str | int) -> Answer:
        answer = self._ng.ask(command, **parameters)
        self.answers += 1
        metrics.SOURCE_EVENTS.add(1, self._labels)
        return answer

    def _read(self, reader: Callable[[Answer], T], answer: Answer) -> T:
        try:
            return reader(answer)
        except InvalidRecord as error:
            raise NgUnreadable(error.reason, payload_of(answer), error.field) from error

    def _refuse_once(self, call: Call, payload: bytes, reason: str, field: str | None) -> None:
        if not call.is_refused:
            self._refuse(payload, reason, field)
        call.is_refused = True

    def _refuse(self, payload: bytes, reason: str, field: str | None) -> None:
        self._publisher.dead_letter(self._context.dead_letter_key, payload, reason, field)

    def _publish(self, records: Iterable[Translated]) -> None:
        for topic, key, event in records:
            self._publisher.publish(topic, key, event)

    def _fail(self, error: NgError) -> None:
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        is_new = self._problems.report(error.reason, str(error))
        if is_new and isinstance(error, NgUnreadable):
            self._refuse(error.payload, str(error), error.field)
        received, now = self._context.ticks.now(), time.monotonic()
        self._publish(self._node.silent(str(error), received, now))
