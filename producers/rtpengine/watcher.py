"""Asks rtpengine round after round: which calls there are, how they fare, which have ended.

One thread, the stage's own. A round is a listing, the statistics (a heartbeat too), and questions
about the calls that are due, as many as fit before the next round.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from producers.publisher import Publisher
from producers.refused import payload_of
from producers.rtpengine import translation
from producers.rtpengine.answers import (
    Figures,
    Statistics,
    read_calls,
    read_figures,
    read_statistics,
)
from producers.rtpengine.calls import Call, Calls
from producers.rtpengine.context import Context
from producers.rtpengine.errors import NgError, NgRefused, NgUnreachable, NgUnreadable
from producers.rtpengine.ng import Answer, Ng
from producers.rtpengine.node import Node
from producers.rtpengine.reckoning import Gone, Reckoning
from producers.rtpengine.settings import RtpengineSettings
from producers.translated import Translated
from runtime import logs, metrics
from schemas.codec import InvalidRecord

log = logs.get(__name__)

_CALLS_MIN = 16
_RESTARTED = "rtpengine-restarted"
T = TypeVar("T")


class Watcher:
    """Publishes what it learns."""

    def __init__(
        self, settings: RtpengineSettings, ng: Ng, publisher: Publisher, context: Context
    ) -> None:
        self._settings = settings
        self._ng = ng
        self._publisher = publisher
        self._context = context
        self._node = Node(context, settings.lost_after_seconds)
        self._calls = Calls()
        self._ending: dict[str, Figures] = {}  # gone, the reason not yet reckoned
        self._reckoning = Reckoning()
        self._calls_max = ng.calls_max
        self._labels = {"source": "rtpengine", "node": settings.node}
        self._lists_all = True
        self._unread: Counter[str] = Counter()
        self._complaints: tuple[set[str], set[str]] = set(), set()  # the last round's, this one's
        self.answers = 0

    @property
    def is_up(self) -> bool:
        return self._node.is_up

    def round(self) -> NgError | None:
        """Why not all was answered, if so. Publishes what was learned until then all the same."""
        began = time.monotonic()
        self._complaints = self._complaints[1], set()
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
            "unread": dict(self._unread),
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
            self._calls_max = self._ng.calls_max  # what was complete is no longer with it
        else:
            self._complain("calls-unlisted", f"more than {self._calls_max} calls: set ng_url")
        self._end(self._calls.missing(listed) if self._lists_all else [], statistics)
        metrics.MEDIA_CALLS.set(len(self._calls), self._labels)

    def _list(self) -> Answer:
        """A list too long for a datagram is never answered: then ask for fewer calls."""
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
                if not self._lists_all:  # else the next listing tells that it has ended, and why
                    self._calls.remove(call)
                    self._conclude(call.call_id, call.figures, None)
                continue
            except NgUnreadable as error:
                self._refuse_once(call, error.payload, str(error), error.field)
                continue
            self._take(call, answer)

    def _take(self, call: Call, answer: Any) -> None:
        """The first figures only tell who is in the call; from then on each is published."""
        try:
            figures = read_figures(answer)
            record = translation.quality(
                self._context, self._context.ticks.now(), call.call_id, figures
            )
        except InvalidRecord as error:
            self._refuse_once(call, payload_of(answer), error.reason, error.field)
            return
        self._count_unread(call.call_id, figures.unread)
        call.figures = figures
        if call.measured:
            self._publish([record])
        call.measured = True

    def _count_unread(self, call_id: str, unread: Counter[str]) -> None:
        """Counted each time, logged once a cause: all answers of one release are alike."""
        for cause, count in unread.items():
            if not self._unread[cause]:
                log.warning("rtpengine's figures are not all read", cause=cause, call_id=call_id)
            metrics.MEDIA_UNREAD.add(count, {**self._labels, "cause": cause})
        self._unread += unread

    def _end(self, missing: list[Call], statistics: Statistics) -> None:
        self._ending.update((call.call_id, call.figures) for call in missing)
        gone = [call.gone() for call in missing]
        for one, reason in self._reckoning.settle(gone, statistics.ended):
            self._conclude_gone(one, reason)

    def _end_all_but(self, listed: list[str]) -> None:
        """Another process: calls of the one before ended with it, unless it took them over."""
        for waiting in self._reckoning.restart():
            self._conclude_gone(waiting, _RESTARTED)
        for call in self._calls.missing(listed):
            self._conclude(call.call_id, call.figures, _RESTARTED)

    def _conclude_gone(self, gone: Gone, reason: str | None) -> None:
        figures = self._ending.pop(gone.call_id, None)
        if figures is not None:
            self._conclude(gone.call_id, figures, reason)

    def _conclude(self, call_id: str, figures: Figures, reason: str | None) -> None:
        received = self._context.ticks.now()
        self._publish([translation.end(self._context, received, call_id, figures, reason)])

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
        if not call.refused:
            self._refuse(payload, reason, field)
        call.refused = True

    def _refuse(self, payload: bytes, reason: str, field: str | None) -> None:
        source = f"rtpengine/{self._context.node}"
        self._publisher.dead_letter(source, payload, reason, field)

    def _publish(self, records: Iterable[Translated]) -> None:
        for topic, key, event in records:
            self._publisher.publish(topic, key, event)

    def _fail(self, error: NgError) -> None:
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        is_new = self._complain(error.reason, str(error))
        if is_new and isinstance(error, NgUnreadable):
            self._refuse(error.payload, str(error), error.field)
        received, now = self._context.ticks.now(), time.monotonic()
        self._publish(self._node.silent(str(error), received, now))

    def _complain(self, reason: str, detail: str) -> bool:
        """Whether it is new: the same round after round is told once."""
        last, present = self._complaints
        is_new = reason not in last | present
        if is_new:
            log.error("rtpengine does not tell all", reason=reason, detail=detail)
        present.add(reason)
        return is_new
