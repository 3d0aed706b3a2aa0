"""Why one user is shown as it is: the record in words, and its states before (pure).

It is made of what the gateway has. `rollcall explain` folds the log again: it also shows which
events were ignored, and states of before this gateway started.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from schemas.phrases import MARKS, Change, because, headline
from schemas.vocabulary import Cause, Status
from sinks.gateway.board.past import State

SOURCE = (
    "From the published record, and the states this gateway has read since it started. "
    "`rollcall explain` reads the whole log."
)


def explanation(record: dict[str, Any], states: Iterable[State]) -> dict[str, Any]:
    """The explanation of a user. `record`: the presence record as JSON, without what the viewer may
    not see; `states`: the newest first."""
    aor, at = record["aor"], datetime.fromisoformat(record["at"])
    status, cause = Status(record["status"]), Cause(record["cause"])
    bindings = len(record["bindings"]) if record["reachable"] else None
    change = Change(status, cause, f"{utc(at)}Z")
    return {
        "sentences": list(headline(aor, change, bindings, is_now=True)),
        "record": record,
        "marks": [_marks(binding) for binding in record["bindings"]],
        "states": [_state(one) for one in states],
        "source": SOURCE,
    }


def utc(at: datetime) -> str:
    """`2026-01-31 12:03:07.123`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _marks(binding: dict[str, Any]) -> list[str]:
    return [MARKS[mark] for mark in ("suspect", "stale") if binding.get(mark)]


def _state(state: State) -> dict[str, Any]:
    row = state.row
    return {
        "version": row.version,
        "status": row.facts.status,
        "reachable": row.facts.reachable,
        "confidence": row.facts.confidence,
        "cause": row.cause,
        "because": because(row.cause),
        "at": row.at,
        "read_at": state.read_at,
        "nodes": row.facts.nodes,
        "evidence": state.evidence,
    }
