"""Lets one sink at a time define tables: a lock that is a table itself.

A server makes a table for one client only, so `definition_lock_N` belongs to who made it, until the
time in its comment, and the lock is the one with the highest N. One that is over is not taken but
followed by N + 1, so that of two who find it only one has the next.
"""

import os
import secrets
import socket
from dataclasses import dataclass
from types import TracebackType

from runtime import logs
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StoreBusy, StoreUnavailable

NAME = "definition_lock_"
# Who takes locks: this process, for which its own lock is none.
THIS_PROCESS = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
_TABLES = f"""
SELECT toUInt32(substring(name, {len(NAME) + 1})) AS number, comment, toUnixTimestamp(now()) AS now
FROM system.tables
WHERE database = currentDatabase() AND match(name, '^{NAME}[0-9]+$')
ORDER BY number
"""
_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class _Lock:
    """`until`: by the server's clock, seconds since the epoch, as is `now`."""

    number: int
    until: int
    owner: str
    now: int


class DefinitionLock:
    """A context: held within it. `seconds`: for which it is held after `extend`, at most."""

    def __init__(self, database: Database, seconds: int, owner: str = THIS_PROCESS) -> None:
        self._database = database
        self._seconds = seconds
        self._owner = owner
        self._number = 0

    def __enter__(self) -> "DefinitionLock":
        """Take it. Raises StoreBusy while another sink has it, and as Database.command."""
        known = self._known()
        newest = known[-1] if known else _Lock(0, 0, "", self._now())
        if newest.until > newest.now:
            if newest.owner != self._owner:
                left = newest.until - newest.now
                raise StoreBusy(f"{newest.owner} defines the tables, for {left} s at most")
            self._number = newest.number  # of an attempt that failed
        else:
            self._number = newest.number + 1
            self._make(newest.now + self._seconds)
        self.extend()
        for older in known:
            if older.number < self._number:
                self._database.define(f"DROP TABLE IF EXISTS {NAME}{older.number}")
        return self

    def _make(self, until: int) -> None:
        sql = f"CREATE TABLE {self._table} (held UInt8) ENGINE = Memory {self._comment(until)}"
        try:
            self._database.define(sql)
        except StoreUnavailable as error:
            if "TABLE_ALREADY_EXISTS" in str(error):
                raise StoreBusy("another sink was faster to define the tables") from error
            raise

    def extend(self) -> None:
        """Hold it for `seconds` from now on: before each statement.

        Raises StoreBusy where it was over and another sink has it now.
        """
        newest = self._known()[-1:]
        if not newest or newest[0].owner != self._owner:
            raise StoreBusy("the lock of definitions was over before they were")
        comment = self._comment(newest[0].now + self._seconds)
        self._database.define(f"ALTER TABLE {self._table} MODIFY {comment}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back; where that fails it ends by its time."""
        try:
            self._database.define(f"ALTER TABLE {self._table} MODIFY {self._comment(0)}")
        except StoreUnavailable as failure:
            _log.warning("the lock of definitions ends by its time", error=str(failure))

    @property
    def _table(self) -> str:
        return f"{NAME}{self._number}"

    def _comment(self, until: int) -> str:
        return f"COMMENT '{until} {self._owner}'"

    def _known(self) -> list[_Lock]:
        found = []
        for number, comment, now in self._database.query(_TABLES):
            until, _, owner = comment.partition(" ")
            found.append(_Lock(number, int(until), owner, now))
        return found

    def _now(self) -> int:
        ((now,),) = self._database.query("SELECT toUnixTimestamp(now())")
        return int(now)
