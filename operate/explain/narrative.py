"""What the log shows of one user: which events changed something, what they changed, how bindings
ended, and which events changed nothing.

Filled by `refolding` while it folds the log, read by `assembly`.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from operate.explain.events import Counted, Effect, End, Mark, ReportedEvent, Step, What
from streams.models import EndedBinding, Session

# Bounds for a long history; the counters have none.
MAX_STEPS = 200
MAX_EVENTS = 1000
# Marks of a binding that is kept and not published.
UNREACHABLE = frozenset({"ping-lost", "edge-lost", "registrar-lost", "node-lost"})


@dataclass(slots=True)
class Narrative:
    """The history of one user, bounded however long the log is.

    `omitted` counts the steps before the first that is kept.
    """

    records: int = 0
    omitted: int = 0
    steps: deque[Step] = field(default_factory=lambda: deque(maxlen=MAX_STEPS))
    events: dict[str, ReportedEvent] = field(default_factory=dict)
    counted: dict[tuple[str, str | None], Counted] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    lost: dict[str, Mark] = field(default_factory=dict)

    def add_step(self, step: Step) -> None:
        """Add an event or a timer that changed something."""
        self.omitted += len(self.steps) == MAX_STEPS
        self.steps.append(step)

    def count(self, event: ReportedEvent, reason: str | None, why: str | None = None) -> None:
        """Count an event that changed nothing."""
        found = self.counted.setdefault(
            (event.kind, reason), Counted(kind=event.kind, reason=reason, why=why)
        )
        found.why = why
        found.add(event)

    def track_ends(
        self, effects: Iterable[Effect], event: ReportedEvent | None, session: Session
    ) -> None:
        """Record how each binding ended, for the ends that the session still remembers."""
        for effect in effects:
            key, tombstone = effect.subject, session.ended.get(effect.subject)
            match effect.what:
                case What.OPENED:
                    self.ends.pop(key, None)
                    self.lost.pop(key, None)
                case What.FLAGGED if effect.detail in UNREACHABLE and event is not None:
                    mark = Mark(mark=effect.detail, at=event.at, event=event)
                    self.lost.setdefault(key, mark)
                case What.CLEARED if effect.detail in UNREACHABLE:
                    if (lost := self.lost.get(key)) is not None and lost.mark == effect.detail:
                        del self.lost[key]
                case What.ENDED | What.REMEMBERED | What.CERTAIN if tombstone is not None:
                    self._end(effect, tombstone, event)
        self.ends = {key: end for key, end in self.ends.items() if key in session.ended}

    def _end(self, effect: Effect, tombstone: EndedBinding, event: ReportedEvent | None) -> None:
        key, before = effect.subject, self.ends.get(effect.subject)
        by = event if event is not None and event.id == tombstone.event else None
        self.ends[key] = End(
            end=tombstone,
            at=by.at if by is not None else tombstone.at,
            event=event,
            known=effect.what is not What.REMEMBERED,
            lost=before.lost if before is not None else self.lost.pop(key, None),
        )

    def keep(self, event: ReportedEvent, needed: Iterable[str]) -> None:
        """Keep an event, so that whatever names its id can show it.

        Above MAX_EVENTS only those with an id in `needed` are kept.
        """
        self.events[event.id] = event
        if len(self.events) > MAX_EVENTS:
            kept = {*needed, event.id}
            self.events = {id_: one for id_, one in self.events.items() if id_ in kept}
