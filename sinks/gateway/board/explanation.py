"""Why one user is shown as it is: the record in words, and its states before (pure).

It is made of what the gateway has. `rollcall explain` folds the log again: it also shows which
events were ignored, and states of before this gateway started.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

from msgspec import convert
from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.call_record import CallRecord
from schemas.phrases import MARKS, Change, because, headline
from schemas.presence import Presence
from schemas.vocabulary import Cause, Status
from sinks.gateway.board.past import State
from sinks.gateway.facts import Confidence

SOURCE = (
    "From the published record, and the states this gateway has read since it started. "
    "`rollcall explain` reads the whole log."
)


@dataclass
class FormerState:
    """One state of the user, read since this gateway started."""

    version: int
    status: Status
    reachable: bool
    confidence: Annotated[
        Confidence, Field(description="How sure it is that the best binding is reachable.")
    ]
    cause: Cause
    because: Annotated[str, Field(description="The cause in words.")]
    at: Annotated[datetime, Field(description="When the cause happened, by its node's clock.")]
    written_at: Annotated[datetime, Field(description="When the record was written to Kafka.")]
    nodes: list[str]
    evidence: Annotated[list[str], Field(description="Ids of the events that prove it.")]


@dataclass
class Explanation:
    """Why one user is shown as it is."""

    sentences: Annotated[list[str], Field(description="The state in words, as of now.")]
    record: Presence
    marks: Annotated[
        list[list[str]], Field(description="Of each binding of the record: what is uncertain.")
    ]
    states: Annotated[
        list[FormerState], Field(description="Newest first; none of a user who has not changed.")
    ]
    call_records: Annotated[
        list[CallRecord],
        Field(description="The user's last calls, newest first, as far as this gateway has them."),
    ]
    source: Annotated[str, Field(description="What this is made of.")]


def explanation(
    record: dict[str, Any], states: Iterable[State], calls: list[dict[str, Any]]
) -> dict[str, Any]:
    """An Explanation as JSON. `record`: the presence record; `states` and the call records
    `calls`: the newest first. None has what the viewer may not see."""
    aor, at = record["aor"], convert(record["at"], datetime)
    status, cause = Status(record["status"]), Cause(record["cause"])
    bindings = len(record["bindings"]) if record["reachable"] else None
    change = Change(status, cause, f"{_text(at)}Z")
    return {
        "sentences": list(headline(aor, change, bindings, is_now=True)),
        "record": record,
        "marks": [_marks(binding) for binding in record["bindings"]],
        "states": [_state(one) for one in states],
        "call_records": calls,
        "source": SOURCE,
    }


def _text(at: datetime) -> str:
    """`2026-01-31 12:03:07.123`."""
    if at.tzinfo is not None:
        at = at.astimezone(UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


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
        "at": datetime.fromtimestamp(row.at, UTC),
        "written_at": datetime.fromtimestamp(state.written_at, UTC),
        "nodes": row.facts.nodes,
        "evidence": state.evidence,
    }
