"""`rollcall calls`: what a line shows of a call."""

from datetime import timedelta

from rich.console import Console

from cli.calls import as_table
from schemas.call_record import CallRecord
from schemas.vocabulary import CallState, HungUpBy
from tests.unit.calls.folding import ALICE, BOB, START

NOW = START + timedelta(minutes=10)


def record(**fields: object) -> CallRecord:
    given: dict[str, object] = {
        "id": "1",
        "version": 1,
        "call": "a",
        "node": "fs-1",
        "nodes": ["fs-1", "edge"],
        "users": [ALICE, BOB],
        "caller": ALICE,
        "callee": BOB,
        "state": CallState.ENDED,
        "started": START,
    }
    return CallRecord(**(given | fields))  # type: ignore[arg-type]  # of several types


def printed(one: CallRecord, width: int = 120) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(as_table([one], width, NOW))
    return capture.get().splitlines()[-1]


def test_an_ended_call_shows_for_how_long_and_who_ended_it() -> None:
    answered, ended = START + timedelta(seconds=5), START + timedelta(seconds=130)
    cells = printed(
        record(
            answered=answered,
            ended=ended,
            hung_up_by=HungUpBy.CALLEE,
            cause="NORMAL_CLEARING",
        )
    ).split()
    assert cells == [
        *("00:00:00", "alice@example.test", "bob@example.test", "ended", "2:05"),
        *("callee,", "NORMAL_CLEARING", "fs-1,", "edge"),
    ]


def test_a_live_call_counts_on_and_shows_its_risk() -> None:
    line = printed(record(state=CallState.ANSWERED, answered=START, at_risk=True))
    assert "answered, at risk" in line
    assert "10:00" in line


def test_a_call_to_no_user_shows_what_was_dialled() -> None:
    line = printed(record(callee=None, dialled="9196", users=[ALICE], status_code=404))
    assert " 9196 " in line
    assert " 404 " in line


def test_a_narrow_terminal_keeps_the_parties_and_the_state() -> None:
    line = printed(record(), width=50)
    assert line.split()[-2:] == ["ended", "-"]
    assert len(line) <= 50
