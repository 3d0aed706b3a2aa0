"""Which offset of a partition may be committed."""

from sinks.user_center.assignment import Assignment


def test_nothing_is_committed_before_anything_was_read() -> None:
    assert Assignment(0).position is None


def test_the_position_is_the_first_outstanding_offset() -> None:
    partition = Assignment(0)
    for offset in (7, 8, 9):
        partition.read(offset)
    partition.complete(8)
    assert partition.position == 7
    partition.complete(7)
    assert partition.position == 9
    partition.complete(9)
    assert partition.position == 10


def test_skipped_records_move_the_position_only_behind_what_is_outstanding() -> None:
    partition = Assignment(0)
    partition.skip(4)
    assert partition.position == 5
    partition.read(5)
    partition.skip(6)
    assert partition.position == 5
    partition.complete(5)
    assert partition.position == 7
