"""The board and the table of users at the sizes that terminals have."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from cli.board import Board
from cli.rendering import moment, since, why
from schemas.presence import Presence, PresenceBinding, PresenceCall
from schemas.vocabulary import CallState, Cause, Status

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def binding(**more: Any) -> PresenceBinding:
    fields: dict[str, Any] = {"node": "fs-1", "contact": "sip:a@h", "since": NOW} | more
    return PresenceBinding(**fields)


def presence(number: int, *, at: datetime = NOW, **more: Any) -> Presence:
    fields: dict[str, Any] = {
        "aor": f"sip:{number}@a-rather-long-domain.example.test",
        "version": 1,
        "status": Status.ONLINE,
        "reachable": True,
        "cause": Cause.REGISTERED,
        "at": at,
        "bindings": [binding()],
        "calls": [],
        "evidence": [],
    }
    return Presence(**(fields | more))


def drawn(width: int, height: int, users: int, changes: int) -> list[str]:
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    board = Board(console, "Rollcall", lambda: NOW)
    for number in range(changes):
        at = NOW + timedelta(milliseconds=number)
        board.users[f"{number % users}"] = one = presence(1000 + number % users, at=at)
        board._last.appendleft((one, 0.012))
        board.causes[one.cause] += 1
    console.print(board.render())
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (60, 15)])
@pytest.mark.parametrize(("users", "changes"), [(3, 3), (11, 40), (500, 900)])
def test_the_board_is_no_larger_than_the_terminal(
    width: int, height: int, users: int, changes: int
) -> None:
    lines = drawn(width, height, users, changes)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert any("last changes" in line for line in lines)
    assert lines[-1].startswith("12:00:00.")


def test_the_domain_stands_once() -> None:
    lines = drawn(80, 24, 11, 40)
    assert sum("a-rather-long-domain.example.test" in line for line in lines) == 1
    assert any(line.startswith("1003 ") for line in lines)


def test_what_does_not_fit_is_counted() -> None:
    lines = drawn(80, 24, 500, 900)
    shown = sum(line.startswith("1") and "registered" in line for line in lines) - 5
    assert f"… {500 - shown} more" in lines


def test_changes_stand_in_the_order_of_their_time() -> None:
    lines = drawn(80, 24, 11, 40)
    times = [line[:12] for line in lines if line.startswith("12:00:00.")]
    assert times == sorted(times, reverse=True)
    assert times[0] == "12:00:00.039"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        # Another device has signed off: that is not why this user is online.
        (presence(1, cause=Cause.UNREGISTERED), "registered"),
        (presence(1, bindings=[binding(stale=True)]), "registered, stale"),
        (presence(1, bindings=[binding(stale=True), binding()]), "registered"),
        (presence(1, bindings=[binding(suspect=True)]), "registered, suspect"),
        (
            presence(
                1,
                status=Status.OFFLINE,
                reachable=False,
                cause=Cause.CONNECTION_CLOSED,
                bindings=[],
            ),
            "connection-closed",
        ),
        (
            presence(1, reachable=False, cause=Cause.CONNECTION_CLOSED, bindings=[]),
            "connection-closed, in grace",
        ),
    ],
)
def test_why_is_the_reason_of_the_state(state: Presence, text: str) -> None:
    assert why(state) == text


def test_since_is_when_the_state_began() -> None:
    earlier, later = NOW - timedelta(days=1), NOW + timedelta(hours=1)
    call = PresenceCall(node="fs-1", leg="l", call="c", state=CallState.ANSWERED, since=later)
    assert since(presence(1, at=later, bindings=[binding(since=earlier)])) == earlier
    assert since(presence(1, calls=[call])) == later
    assert since(presence(1, at=later, reachable=False, bindings=[])) == later


def test_a_time_has_its_date_where_that_is_not_today() -> None:
    assert moment(NOW - timedelta(hours=1), NOW) == "11:00:00"
    assert moment(NOW - timedelta(days=1), NOW) == "2026-03-03 12:00"


def test_a_delay_that_is_not_known_is_not_counted() -> None:
    console = Console(file=io.StringIO(), width=100, height=24)
    board = Board(console, "Rollcall", lambda: NOW)
    board.add(presence(1), 0.012)
    board.add(presence(2), None)
    assert board.delays == [0.012]
    assert isinstance(console.file, io.StringIO)
    assert [line.split()[-2:] for line in console.file.getvalue().splitlines()] == [
        ["12", "ms"],
        ["fs-1", "-"],
    ]
