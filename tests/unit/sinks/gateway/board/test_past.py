"""The states kept of users are bounded, of each and of all."""

from sinks.gateway.board.past import Past, State
from sinks.gateway.board.row import row_of
from tests.unit.sinks.gateway.board.users import ANN, BOB, message, record


def state(aor: str, version: int) -> State:
    return State(row_of(message(record(aor, version))), (), 0.0)


def versions(past: Past, aor: str) -> list[int]:
    return [one.row.version for one in past.of(aor)]


def test_of_each_user_the_newest_are_kept_and_of_all_the_newest() -> None:
    past = Past(each=3, overall=5)
    for version in range(1, 6):
        past.add(state(ANN, version))
    assert versions(past, ANN) == [5, 4, 3]
    past.add(state(BOB, 1))
    past.add(state(BOB, 2))
    assert versions(past, ANN) == [5, 4, 3]
    past.add(state(BOB, 3))
    assert versions(past, ANN) == [5, 4]
    assert versions(past, BOB) == [3, 2, 1]
    past.forget(BOB)
    assert BOB not in past
    for version in range(6, 9):
        past.add(state(ANN, version))
    assert versions(past, ANN) == [8, 7, 6]
