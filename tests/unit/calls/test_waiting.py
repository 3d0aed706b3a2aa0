"""Events that wait for their call: not committed, and given up after a while."""

from calls.waiting import MAX_WAITING, Waiting, WaitingRoom

PARTITION = ("t", 0)


def waiting(offset: int, *, until: float = 30.0, joined: bool = False) -> Waiting:
    return Waiting(PARTITION, offset, until, lambda: joined)


def test_what_waits_is_not_committed() -> None:
    room = WaitingRoom()
    room.add(waiting(7))
    room.add(waiting(5))
    assert room.offsets({PARTITION: 20, ("t", 1): 3}) == {PARTITION: 5, ("t", 1): 3}


def test_what_has_found_its_call_is() -> None:
    room = WaitingRoom()
    room.add(waiting(7, joined=True))
    assert room.retry(0.0) == []
    assert room.offsets({PARTITION: 20}) == {PARTITION: 20}


def test_what_waits_for_too_long_is_given_up() -> None:
    room = WaitingRoom()
    room.add(waiting(7))
    assert room.retry(29.0) == []
    assert [one.offset for one in room.retry(30.0)] == [7]
    assert len(room) == 0


def test_no_more_wait_than_the_bound_and_the_oldest_goes_first() -> None:
    room = WaitingRoom()
    for offset in range(MAX_WAITING + 2):
        room.add(waiting(offset))
    assert [one.offset for one in room.retry(0.0)] == [0, 1]
    assert len(room) == MAX_WAITING
