"""Log lines that strangers cause: few of each kind."""

import logging

from runtime.log_limits import BoundedKinds, BoundedLog


def test_of_each_kind_some_lines_then_few() -> None:
    kinds = BoundedKinds(burst=3, seconds=10)
    assert [kinds.admit("a", 0.0) for _ in range(5)] == [0, 0, 0, None, None]
    assert kinds.admit("b", 0.0) == 0
    assert kinds.admit("a", 9.9) is None
    assert kinds.admit("a", 10.0) == 3
    assert kinds.admit("a", 10.0) is None
    assert [kinds.admit("a", 100.0) for _ in range(3)] == [1, 0, 0]


def test_kinds_themselves_are_bounded() -> None:
    kinds = BoundedKinds(burst=1, seconds=10)
    written = [kinds.admit(str(number), 0.0) for number in range(10_000)]
    assert sum(line is not None for line in written) < 250


def test_a_filter_bounds_a_library() -> None:
    written: list[str] = []
    logger = logging.Logger("library")
    handler = logging.Handler()
    handler.emit = lambda record: written.append(record.getMessage())  # type: ignore[method-assign]  # to see what is let through
    logger.addHandler(handler)
    now = [0.0]
    logger.addFilter(BoundedLog(clock=lambda: now[0]))
    for number in range(1_000):
        logger.warning("malformed request of %s", number)
        logger.error(f"unhandled\nconnection {number}")
    assert len(written) == 20
    now[0] = 6.0
    logger.warning("malformed request of %s", "x")
    assert written[-1] == "malformed request of x (990 more before)"
