"""Which periods are due: ended, quiet, and not derived since their latest row was stored."""

from datetime import UTC, datetime, timedelta

from sinks.clickhouse.derived.periods import (
    QUIET,
    closed_until,
    due_days,
    due_hours,
    is_part_stale,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
KEPT = timedelta(days=400)


def day(number: int) -> datetime:
    return FIRST + number * DAY


def test_nothing_is_due_of_nothing() -> None:
    assert due_days({}, {}, day(3), KEPT) == []
    assert due_hours({}, {}, day(3)) == []


def test_days_without_rows_between_days_with_rows_are_due() -> None:
    stored = {day(0): day(0) + HOUR, day(3): day(3) + HOUR}
    assert due_days(stored, {}, day(5) + HOUR, KEPT) == [day(n) for n in range(5)]


def test_the_day_that_has_not_ended_is_not_due() -> None:
    stored = {day(0): day(0) + HOUR}
    assert due_days(stored, {}, day(1) - timedelta(seconds=1), KEPT) == []
    assert due_days(stored, {}, day(1), KEPT) == [day(0)]


def test_a_day_whose_rows_are_still_coming_waits_and_so_do_those_after_it() -> None:
    now = day(2) + HOUR
    stored = {day(0): now - QUIET, day(1): now - QUIET / 2}
    assert due_days(stored, {}, now, KEPT) == [day(0)]


def test_late_rows_make_all_days_after_them_due_again() -> None:
    late = day(4) + HOUR
    stored = {day(0): day(0), day(1): late}
    derived = {day(n): day(n + 1) + HOUR / 2 for n in range(4)}
    assert due_days({**stored, day(1): day(1)}, derived, late + QUIET, KEPT) == []
    assert due_days(stored, derived, late + QUIET, KEPT) == [day(n) for n in (1, 2, 3)]


def test_a_day_derived_before_its_rows_were_surely_visible_is_due_again() -> None:
    stored, now = {day(0): day(1)}, day(1) + HOUR
    assert due_days(stored, {day(0): day(1) + QUIET / 2}, now, KEPT) == [day(0)]
    assert due_days(stored, {day(0): day(1) + QUIET}, now, KEPT) == []


def test_a_day_derived_before_the_one_before_it_is_due_again() -> None:
    """As after a kill between the two, where late rows of the first made both due."""
    stored, now = {day(0): day(0)}, day(3) + HOUR
    derived = {day(0): day(3), day(1): day(2), day(2): day(3) + HOUR / 2}
    assert due_days(stored, derived, now, KEPT) == [day(1), day(2)]


def test_rows_noted_by_hour_are_of_their_day() -> None:
    stored = {day(0) + 5 * HOUR: day(0) + 6 * HOUR, day(1) + 23 * HOUR: day(2)}
    assert due_days(stored, {}, day(2) + HOUR, KEPT) == [day(0), day(1)]
    assert due_days(stored, {}, day(2) + QUIET / 2, KEPT) == [day(0)]


def test_quarters_of_the_open_day_are_closed_in_order() -> None:
    now = day(1) + 3 * HOUR + HOUR / 8
    stored = {day(1): day(1) + HOUR / 4, day(1) + 2 * HOUR: day(1) + 3 * HOUR}
    assert closed_until(day(1), stored, now) == day(1) + 3 * HOUR
    assert closed_until(day(1), {}, now) == day(1) + 3 * HOUR
    late = {**stored, day(1) + HOUR: now - QUIET / 2}
    assert closed_until(day(1), late, now) == day(1) + HOUR
    assert closed_until(day(1), stored, day(1) + HOUR / 2 - QUIET) == day(1) + HOUR / 4
    assert closed_until(day(1), stored, day(1) + HOUR / 8) == day(1)
    assert closed_until(day(1), stored, day(9)) == day(2)


def test_a_part_of_a_day_is_stale_by_its_rows_and_by_the_day_before() -> None:
    until, derived_at = day(1) + 3 * HOUR, day(1) + 4 * HOUR
    stored = {day(0): day(9), day(1) + 2 * HOUR: day(1) + 3 * HOUR, until: day(9)}
    derived = {day(0): day(1)}
    assert not is_part_stale(day(1), until, derived_at, stored, derived)
    late = {**stored, day(1): derived_at - QUIET / 2}
    assert is_part_stale(day(1), until, derived_at, late, derived)
    assert is_part_stale(day(1), until, derived_at, stored, {day(0): day(1) + 5 * HOUR})


def test_days_of_before_the_retention_are_not_due() -> None:
    stored = {datetime(2001, 1, 1, tzinfo=UTC): day(0), day(0): day(0)}
    assert due_days(stored, {}, day(1) + HOUR, KEPT) == [day(0)]


def test_hours() -> None:
    now = day(0) + 5 * HOUR
    stored = {day(0) + n * HOUR: day(0) + (n + 1) * HOUR for n in (0, 2, 3, 5)}
    hours = sorted(stored)
    assert due_hours(stored, {}, now) == hours[:3]
    # the last but one is still being stored: the one after it waits too
    assert due_hours({**stored, hours[1]: now}, {}, now) == hours[:1]
    # unless it was derived before: then only it waits
    assert due_hours({**stored, hours[1]: now}, {hours[1]: hours[3]}, now) == [hours[0], hours[2]]
