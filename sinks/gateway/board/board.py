"""What the board shows, kept up to date change by change: counts, losses, delays, and the lists.

It observes the gateway's hub and belongs to its event loop. The rows of all users are read when
the first page asks, and dropped some time after the last has left: a gateway that nobody looks at
pays for counts only.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from msgspec import json

from runtime import logs
from sinks.gateway.access.scope import Scope
from sinks.gateway.board.calls import Stamp, calls_json, last_calls, stamp_of
from sinks.gateway.board.counts import Counts
from sinks.gateway.board.delays import Delays
from sinks.gateway.board.explanation import explanation
from sinks.gateway.board.history import Chronicle
from sinks.gateway.board.losses import HOUR, Loss, Losses
from sinks.gateway.board.nodes import nodes_json
from sinks.gateway.board.past import Past, State
from sinks.gateway.board.request import Selection
from sinks.gateway.board.row import Parts, parts_of, row_of, seconds
from sinks.gateway.board.rows import Rows
from sinks.gateway.board.view import View
from sinks.gateway.calls.known import KnownCalls
from sinks.gateway.hub import Hub
from sinks.gateway.message import Message
from sinks.gateway.nodes.known import KnownNodes

log = logs.get(__name__)

# Losses a summary lists.
LAST_LOSSES = 20
# A summary is made again after so long, and after so many times the processor time it took.
SUMMARY_SECONDS, SUMMARY_SHARE = 0.4, 20.0


class Board:
    """One gateway's board. `tick` is to be called several times a second."""

    def __init__(
        self,
        hub: Hub,
        *,
        is_caught_up: Callable[[], bool],
        is_kafka_away: Callable[[], bool],
        nodes: KnownNodes,
        node_lease: timedelta,
        calls: KnownCalls,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock`: seconds since the epoch."""
        self._hub = hub
        self._is_caught_up, self._is_kafka_away = is_caught_up, is_kafka_away
        self._nodes, self._node_lease = nodes, node_lease
        self._calls = calls
        self._clock = clock
        self._counts: Counts | None = None
        self._losses = Losses()
        self._delays = Delays()
        self._past = Past()
        self._history = Chronicle()
        self._rows = Rows(self._hub, self._losses.flaps)
        self._summaries: dict[Scope, tuple[float, dict[str, Any]]] = {}
        # Called with the AOR of each user who has changed, and with None after each tick.
        self.listeners: set[Callable[[str | None], None]] = set()
        self._changes = 0
        self._has_failed = False

    # -- the gateway's changes --------------------------------------------------------------------
    def change(self, old: Message | None, new: Message | None) -> None:
        """A user's record has come, has changed, or is gone (`new` is None).

        Raises nothing: subscribers' presence does not depend on what the board makes of it.
        """
        try:
            self._change(old, new)
        except Exception:
            if not self._has_failed:
                self._has_failed = True
                log.exception("the board left out a change (later ones are not logged)")

    def _change(self, old: Message | None, new: Message | None) -> None:
        parts = self._note_loss(old, new)
        if self._counts is None:
            return  # still reading: the counts begin with what is there at the end
        self._changes += 1
        self._counts.change(old, new)
        if new is None:
            if old is not None:
                self._past.forget(old.aor)
                self._rows.remove(old.aor)
                self._announce(old.aor)
            return
        parts = parts or parts_of(new)
        row = row_of(new, parts, self._losses.flaps(new.aor))
        self._delays.add(self._clock(), row.at, new.at)
        if old is not None and old.aor not in self._past:
            before = parts_of(old)
            self._past.add(State(row_of(old, before), before.evidence, old.at))
        self._past.add(State(row, parts.evidence, new.at))
        self._rows.change(row)
        self._announce(new.aor)

    def _note_loss(self, old: Message | None, new: Message | None) -> Parts | None:
        """Also of what is read at the start, as far as the topic still holds of the last hour.

        Returns what was read of the new record, if it was a loss.
        """
        if old is None or new is None or not old.facts.reachable or new.facts.reachable:
            return None
        if new.at < self._clock() - HOUR:
            return None
        parts = parts_of(new)
        self._losses.add(
            Loss(new.aor, new.domain, parts.cause, seconds(parts.at), new.at, old.facts.nodes)
        )
        return parts

    def _announce(self, aor: str | None) -> None:
        for listener in self.listeners:
            listener(aor)

    @property
    def changes(self) -> int:
        """Grows with each change of what a summary counts."""
        return self._changes + self._calls.changes

    # -- periodically -----------------------------------------------------------------------------
    def tick(self) -> None:
        """Begin the counts once the topic is read; take samples; forget what is too old."""
        now = self._clock()
        self._begin()
        for aor in self._losses.expire(now):
            self._rows.set_flaps(aor)
        why = "starting" if self._counts is None else None
        if self._is_kafka_away():
            why = "kafka-away"
        self._history.sample(int(now), self._counts, why)
        self._rows.expire(now, is_watched=bool(self.listeners))
        self._announce(None)

    def _begin(self) -> None:
        if self._counts is None and self._is_caught_up():
            self._counts = Counts(self._hub.newest())

    # -- what a page gets -------------------------------------------------------------------------
    def summary(self, scope: Scope) -> dict[str, Any]:
        """Counts, losses and delays of what the viewer may see; the same one for a moment."""
        now = self._clock()
        until, found = self._summaries.get(scope, (0.0, {}))
        if now < until:
            return found
        began = time.thread_time()
        found = self._summary(scope, now)
        took = time.thread_time() - began
        self._summaries = {s: one for s, one in self._summaries.items() if one[0] > now}
        self._summaries[scope] = (now + max(SUMMARY_SECONDS, SUMMARY_SHARE * took), found)
        return found

    def _summary(self, scope: Scope, now: float) -> dict[str, Any]:
        self._begin()
        counts = (self._counts or Counts()).summary(scope.allows_domain)
        for aor in scope.aors if not scope.everybody else ():
            message = self._hub.get(aor)
            if message is not None and not scope.allows_domain(message.domain):
                counts.add(message.domain, message.facts)
        return {
            "now": now,
            "kafka_away": self._is_kafka_away(),
            **counts.as_json(),
            "nodes": nodes_json(self._nodes, counts, self._node_lease, everybody=scope.everybody),
            "losses": {
                "causes": self._losses.by_cause(scope.allows_domain),
                "last": self._losses.newest(LAST_LOSSES, scope.allows),
            },
            "calls": calls_json(self._calls, scope),
            "delay": self._delays.as_json(now),
            "sample": self._history.newest(scope),
        }

    def message(self, aor: str) -> Message | None:
        """The newest message of a user."""
        return self._hub.get(aor)

    def history(self, scope: Scope) -> dict[str, Any] | None:
        """Users online over time; None for a viewer of single users."""
        return self._history.as_json(scope)

    def explain(self, aor: str, scope: Scope) -> dict[str, Any] | None:
        """Why a user is shown as it is; None where there is no such user for this viewer."""
        message = self._hub.get(aor) if scope.allows(aor) else None
        if message is None:
            return None
        record = scope.redact_record(json.decode(message.value))
        return explanation(record, self.states(aor), last_calls(self._calls, aor, scope))

    def calls_stamp(self, aor: str) -> Stamp:
        """Another one where the user's last calls have changed."""
        return stamp_of(self._calls, aor)

    def states(self, aor: str) -> list[State]:
        """The user's states since this gateway started, the newest first."""
        return self._past.of(aor)

    async def view(self, selection: Selection, scope: Scope) -> View:
        """The list of a selection, which other pages may share; give it back to `leave`."""
        return await self._rows.view(selection, scope)

    def leave(self, view: View) -> None:
        """A page does not need the list any more."""
        self._rows.leave(view)
