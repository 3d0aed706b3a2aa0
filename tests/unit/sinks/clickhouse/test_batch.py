"""The batch: when it is due, its dead letters of invalid records, and its positions."""

from schemas import topics
from sinks.clickhouse.batch import Batch
from sinks.clickhouse.rows import Delivery
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.tables import TABLES, Table
from tests import clickhouse_records as records

REGISTRATIONS = next(t for t in TABLES if t.topic is topics.REGISTRATIONS)
PRESENCE = next(t for t in TABLES if t.topic is topics.PRESENCE)


def batch(rows: int = 100, size: int = 1 << 20, seconds: float = 5.0) -> Batch:
    return Batch(ClickHouseSettings(batch_rows=rows, batch_bytes=size, batch_seconds=seconds))


def add(to: Batch, offset: int, value: bytes | None, now: float, table: Table) -> None:
    to.add(table, Delivery("t", 1, offset, value), now)


def test_due_by_records() -> None:
    filling = batch(rows=2)
    add(filling, 0, records.value(records.registration()), 0.0, REGISTRATIONS)
    assert not filling.due(0.0)
    add(filling, 1, records.value(records.registration(2)), 0.0, REGISTRATIONS)
    assert filling.due(0.0)


def test_due_by_bytes() -> None:
    filling = batch(size=10)
    add(filling, 0, records.value(records.registration()), 0.0, REGISTRATIONS)
    assert filling.due(0.0)


def test_due_by_the_age_of_the_oldest() -> None:
    filling = batch(seconds=5.0)
    add(filling, 0, records.value(records.registration()), 10.0, REGISTRATIONS)
    add(filling, 1, records.value(records.registration(2)), 14.0, REGISTRATIONS)
    assert not filling.due(14.9)
    assert filling.due(15.0)


def test_never_due_while_empty() -> None:
    assert not batch().due(1e9)


def test_an_invalid_record_becomes_a_dead_letter_and_moves_the_position() -> None:
    filling = batch()
    add(filling, 7, b"{", 0.0, REGISTRATIONS)
    add(filling, 8, records.value(records.registration()), 0.0, REGISTRATIONS)
    assert [letter.place for letter in filling.letters] == ["t/1/7"]
    assert [row.offset for row in filling.rows["registrations_raw"]] == [8]
    assert filling.nexts == {("t", 1): 9}


def test_a_tombstone_only_moves_the_position() -> None:
    filling = batch()
    add(filling, 7, None, 0.0, PRESENCE)
    assert (filling.rows, filling.letters, filling.nexts) == ({}, [], {("t", 1): 8})


def test_clear_forgets_everything() -> None:
    filling = batch(rows=1)
    add(filling, 7, b"{", 0.0, REGISTRATIONS)
    filling.clear()
    assert not filling.due(1e9)
    assert (filling.rows, filling.letters, filling.nexts, filling.records) == ({}, [], {}, 0)
