"""Where records wait on disk while Kafka is away: one ordered table, one file a publisher.

SQLite in WAL mode, used directly. persist-queue and litequeue were considered: both hand an item
out by removing it, in an order of their own, without a bound in bytes. Here a record keeps the
number it had in memory, is read without being taken, stays until Kafka has acknowledged it, and
bytes are counted: one table with that number as its key.

Crash safety: every append is a committed transaction in the WAL, whose frames carry checksums, so
a torn tail is recognised and cut off at the next start. A killed process loses nothing that was
appended. synchronous=NORMAL: a power failure may lose the last appends, never the file.
"""

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from producers.record import Record
from producers.spool_rows import AFTER, APPEND, REPLACE, SCHEMA, check_rows, numbered_record, to_row
from runtime import logs
from runtime.private_folders import make_private_folder

log = logs.get(__name__)

# Pages given back to the file system at a time once the spool is empty (4 KiB each).
_TRIM_PAGES = 1000
# What the WAL may keep on disk after a large transaction.
_JOURNAL_BYTES = 16 * 1024 * 1024


class SpoolInUse(Exception):
    """Another process has this spool open. Stop it, or give each publisher its own name."""


class SpoolUnwritable(Exception):
    """The disk does not take what must be kept (full, read-only, broken). Free it, then go on."""


class Spool:
    """Numbered records on disk, in order. Not locked: its owner calls it from one thread at a time.

    `count` and `size` (bytes) are of what is in it, `last` is the highest number ever in it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Open or make `folder/name.sqlite3`. Raises SpoolInUse, SpoolUnwritable.

        A file SQLite cannot read is set aside under another name, never deleted, and reported.
        """
        self.path = folder / f"{quote(name, safe='')}.sqlite3"
        try:
            make_private_folder(folder)
            self._database = self._open()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise SpoolInUse(f"{self.path} is open in another process") from error
            raise SpoolUnwritable(f"{self.path}: {error} (publisher.spool_folder)") from error
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._database = self._open()
        except OSError as error:
            text = f"{error.filename}: {error.strerror} (publisher.spool_folder)"
            raise SpoolUnwritable(text) from error
        self.count: int
        self.size: int
        self.last: int
        self.count, self.size, self.last = self._database.execute(
            "SELECT count(*), coalesce(sum(size), 0), coalesce(max(number), 0) FROM records"
        ).fetchone()

    def append(self, number: int, record: Record) -> None:
        """Keep one record; on disk when this returns. Raises SpoolUnwritable."""
        self.append_all([(number, record)])

    def append_all(self, numbered: Iterable[tuple[int, Record]]) -> None:
        """Keep all of them or, raising SpoolUnwritable, none. Numbers already here are skipped."""
        count, size, last = self.count, self.size, self.last
        with self._transaction() as database:
            for number, record in numbered:
                if database.execute(APPEND, to_row(number, record)).rowcount:
                    count, size, last = count + 1, size + record.size, max(last, number)
        self.count, self.size, self.last = count, size, last

    def replace(self, number: int, old: Record, new: Record) -> None:
        """Put `new` in the place of `old`, which is here under `number`. Raises SpoolUnwritable."""
        with self._transaction() as database:
            database.execute(REPLACE, to_row(number, new))
        self.size += new.size - old.size

    def after(self, number: int, limit: int) -> list[tuple[int, Record]]:
        """Up to `limit` records numbered above `number`, in order. Raises SpoolUnwritable."""
        with self._named_errors():
            rows = self._database.execute(AFTER, (number, limit)).fetchall()
        return [numbered_record(row) for row in rows]

    def remove_all(self, numbered: list[tuple[int, Record]]) -> None:
        """Forget records Kafka has acknowledged: all or, raising SpoolUnwritable, none."""
        with self._transaction() as database:
            database.executemany(
                "DELETE FROM records WHERE number = ?", [(number,) for number, _ in numbered]
            )
        self.count -= len(numbered)
        self.size -= sum(record.size for _, record in numbered)

    def trim(self) -> None:
        """Give a part of the free pages back to the file system. Raises SpoolUnwritable."""
        with self._named_errors():
            if self._database.execute("PRAGMA freelist_count").fetchone()[0]:
                # executescript: it steps to the end; execute() would free one page only.
                self._database.executescript(f"PRAGMA incremental_vacuum({_TRIM_PAGES})")

    def close(self) -> None:
        """Close the file; what is in it waits for the next start."""
        self._database.close()

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise SpoolUnwritable(f"{self.path}: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        database = self._database
        with self._named_errors():
            database.execute("BEGIN")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self.path, timeout=5, isolation_level=None, check_same_thread=False
        )
        try:
            # Exclusive: two publishers on one file would publish everything twice.
            for setting in (
                "auto_vacuum=INCREMENTAL",
                "locking_mode=EXCLUSIVE",
                "journal_mode=WAL",
                "synchronous=NORMAL",
                f"journal_size_limit={_JOURNAL_BYTES}",
            ):
                database.execute(f"PRAGMA {setting}").fetchall()
            database.execute("BEGIN EXCLUSIVE")
            database.execute(SCHEMA)
            database.execute("COMMIT")
            if (problem := database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                raise sqlite3.DatabaseError(problem)
            check_rows(database)
        except BaseException:
            database.close()
            raise
        return database

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        aside = self.path.with_suffix(f".damaged-{time.time_ns()}")
        for suffix in ("", "-wal"):
            if (part := Path(f"{self.path}{suffix}")).exists():
                part.rename(f"{aside}{suffix}")
        log.error(
            "the spool is damaged: it is set aside, and its records are not published",
            file=str(aside),
            reason=str(error),
            repair="sqlite3 FILE .recover",
        )
