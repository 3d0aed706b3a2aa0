"""Reads a recording of rtpengine's NG protocol: what its answers show, round by round. Pure.

JSON lines: `{"t": epoch seconds, "request": {"command", …}, "response": {…}}`, each with one answer
of rtpengine. A round is one poll of rtpengine: a listing, the statistics, one answer per call.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.replay.recording_rows import microseconds, read_rows
from producers.rtpengine.answers import read_statistics

Answer = dict[str, Any]
# daemon/control_ng.c: how many calls `list` has by default.
_LIMIT = 32
# Answers of one poll of rtpengine come within this, µs.
_ROUND_SPAN = 500_000
_OK, _GONE = "ok", "Unknown call-id"


@dataclass(frozen=True, slots=True)
class Listed:
    """The calls of a listing; `whole` means that all other calls have ended."""

    calls: list[str]
    whole: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """The answer to `query`, or to the `delete` that ended the call."""

    call: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class Ended:
    """rtpengine no longer has the call."""

    call: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """The SIP server ended the call. `lingers` means that it is seen later (delete-delay)."""

    call: str
    lingers: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """The answer to `statistics`."""

    answer: Answer


Change = Listed | Measured | Ended | Deleted | Counted


@dataclass(frozen=True, slots=True)
class Round:
    """The changes of one poll; `received` is the time of the last, µs."""

    changes: list[Change]
    times: list[int] = field(default_factory=list)

    @property
    def received(self) -> int:
        return self.times[-1]


@dataclass(frozen=True, slots=True)
class _Row:
    received: int
    command: str
    call: str
    limit: int
    answer: Answer

    def shows(self) -> list[str]:
        """The calls that exist by this answer."""
        if self.answer.get("result") != _OK:
            return []
        if self.command == "list":
            return list(self.answer["calls"])
        return [self.call] if self.command in ("offer", "answer", "query") else []


def read_ng(path: Path) -> list[Round]:
    """The rounds of a recording, in order. Raises OSError, ValueError."""
    return read_rows(path, "answers of rtpengine about calls", _rounds)


def _rounds(recorded: Iterator[dict[str, Any]]) -> list[Round]:
    rows = [_row(row) for row in recorded]
    last_seen = {call: index for index, row in enumerate(rows) for call in row.shows()}
    rounds: list[Round] = []
    keys: set[object] = set()
    for index, row in enumerate(rows):
        for change in _changes(row, last_seen, index):
            key = _key(change)
            late = rounds and row.received - rounds[-1].times[0] > _ROUND_SPAN
            if not rounds or key in keys or late:
                rounds.append(Round([]))
                keys = set()
            keys.add(key)
            rounds[-1].changes.append(change)
            rounds[-1].times.append(row.received)
    return rounds


def _row(row: dict[str, Any]) -> _Row:
    """One row; without an answer it shows nothing. Raises KeyError, TypeError."""
    request, answer = row["request"], row.get("response") or {}
    command, call = request["command"], request.get("call-id", "")
    if not isinstance(answer, dict) or not isinstance(command, str) or not isinstance(call, str):
        raise TypeError("not a request and a response")
    if command == "list" and not all(isinstance(one, str) for one in answer.get("calls", ())):
        raise TypeError("calls must be strings")
    return _Row(microseconds(row["t"]), command, call, int(request.get("limit", _LIMIT)), answer)


def _changes(row: _Row, last_seen: dict[str, int], index: int) -> Iterator[Change]:
    answer, ok = row.answer, row.answer.get("result") == _OK
    if row.command == "list" and ok:
        yield Listed(answer["calls"], len(answer["calls"]) < row.limit)
    elif row.command == "statistics" and ok:
        read_statistics(answer)  # raises InvalidRecord
        yield Counted(answer)
    elif row.command == "offer" and ok:
        yield Listed([row.call], whole=False)
    elif row.command == "query" and answer.get("error-reason") == _GONE:
        yield Ended(row.call)
    elif row.command in ("query", "delete") and ok and "warning" not in answer:
        if "tags" in answer:
            yield Measured(row.call, answer)
        if row.command == "delete":
            yield Deleted(row.call, lingers=last_seen.get(row.call, -1) > index)


def _key(change: Change) -> object:
    """Two changes with the same key cannot be in one round: the second would hide the first."""
    return change.call if isinstance(change, Measured | Ended | Deleted) else type(change)
