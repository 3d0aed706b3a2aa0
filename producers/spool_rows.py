"""A record as a row of the spool's table, and whether what a file holds are such rows."""

import sqlite3

import msgspec

from producers.record import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    number INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    headers BLOB NOT NULL,
    "partition" INTEGER,
    size INTEGER NOT NULL
)
"""
APPEND = "INSERT OR IGNORE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)"
REPLACE = "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)"
AFTER = """
SELECT number, topic, key, value, headers, "partition" FROM records
WHERE number > ? ORDER BY number LIMIT ?
"""
# Keys and values are any bytes: only their type is checked.
_ALL = """
SELECT number, topic, typeof(key), typeof(value), headers, "partition", size FROM records
"""

_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


def to_row(number: int, record: Record) -> tuple[object, ...]:
    """For APPEND and REPLACE."""
    return (
        number,
        record.topic,
        record.key,
        record.value,
        _encode_headers(record.headers),
        record.partition,
        record.size,
    )


def numbered_record(row: tuple[int, str, bytes, bytes, bytes, int | None]) -> tuple[int, Record]:
    """A row that AFTER selects."""
    number, topic, key, value, headers, partition = row
    return number, Record(topic, key, value, _decode_headers(headers), partition)


def check_rows(database: sqlite3.Connection) -> None:
    """Whether every row is a record: bytes torn inside a row leave the file's structure whole.

    Raises sqlite3.DatabaseError.
    """
    try:
        for number, topic, *kinds, headers, partition, size in database.execute(_ALL):
            _decode_headers(headers)
            whole = isinstance(topic, str) and kinds == ["blob", "blob"] and isinstance(size, int)
            if not whole or size < 0 or not _is_partition(partition):
                raise sqlite3.DatabaseError(f"record {number} is torn")
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError, sqlite3.OperationalError) as error:
        raise sqlite3.DatabaseError(f"a record is torn: {error}") from error


def _is_partition(value: object) -> bool:
    return value is None or (isinstance(value, int) and 0 <= value < 2**31)
