"""Speech records: the sessions of rollcall.speech by leg, each by its newest event. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.speech import SpeechEvent
from schemas.times import iso
from schemas.vocabulary import SpeechKind


@dataclass(slots=True)
class SpeechBook:
    """Sessions by id; `of` gives those of a call's legs."""

    _sessions: dict[str, SpeechEvent] = field(default_factory=dict)

    def apply(self, events: Iterable[SpeechEvent]) -> None:
        """Apply events in the order of their topic; nothing follows a session's end."""
        for event in events:
            known = self._sessions.get(event.session)
            if known is None or known.kind is not SpeechKind.ENDED:
                self._sessions[event.session] = event

    def of(self, node: str, legs: Iterable[str]) -> list[dict[str, Any]]:
        """The sessions of these legs of a node, ready for JSON, sorted by start."""
        wanted = {*legs}
        found = [s for s in self._sessions.values() if s.node == node and s.leg in wanted]
        return [_record(session) for session in sorted(found, key=lambda s: s.started_at)]


def _record(session: SpeechEvent) -> dict[str, Any]:
    return {
        "kind": session.resource,
        "leg": session.leg,
        "aor": session.aor,
        "engine": session.engine,
        "server": session.server,
        "started": iso(session.started_at),
        "input_started": iso(session.input_started_at),
        "result": iso(session.result_at),
        "results": session.results,
        "ended": iso(session.ended_at),
        "cause": session.cause,
        "latency": session.latency,
    }
