"""Several sinks that start at once on one server: each definition is made by one of them."""

import threading
import time
from pathlib import Path

import pytest

from benchmarks.clickhouse_server import PASSWORD, Server, serving
from sinks.clickhouse import migration
from sinks.clickhouse.database import Database
from sinks.clickhouse.definition_lock import NAME, DefinitionLock
from sinks.clickhouse.definitions import define
from sinks.clickhouse.errors import StoreBusy, StoreUnavailable
from sinks.clickhouse.retry import retry
from sinks.clickhouse.settings import ClickHouseSettings
from tests.eventually import eventually
from tests.integration.clickhouse_support import settings

SINKS = 3


def by_url(server: Server, folder: Path) -> ClickHouseSettings:
    return settings(folder, url=server.url, password=PASSWORD)


def locks(database: Database) -> list[str]:
    sql = f"SELECT name FROM system.tables WHERE startsWith(name, '{NAME}')"
    return [name for (name,) in database.query(sql)]


def test_sinks_that_start_together_apply_each_migration_once(tmp_path: Path) -> None:
    migrations, failures = migration.load(), list[BaseException]()
    with serving(tmp_path) as server:
        chosen = by_url(server, tmp_path)

        def start(number: int) -> None:
            try:
                with Database(chosen) as database:
                    retry(
                        lambda: define(database, chosen, migrations, f"sink {number}"),
                        threading.Event(),
                        0.2,
                    )
            except BaseException as error:
                failures.append(error)

        sinks = [threading.Thread(target=start, args=[number]) for number in range(SINKS)]
        for sink in sinks:
            sink.start()
        for sink in sinks:
            sink.join(120)
        assert not failures
        with Database(chosen) as database:
            # Not FINAL: a migration that two have applied would be recorded twice.
            applied = database.query("SELECT number FROM migrations ORDER BY number")
            assert [number for (number,) in applied] == [one.number for one in migrations]
            assert database.query("SELECT count() FROM registrations") == [(0,)]
            assert len(locks(database)) == 1


def test_a_killed_sinks_lock_is_over_by_its_time(tmp_path: Path) -> None:
    with serving(tmp_path) as server, Database(by_url(server, tmp_path)) as database:
        DefinitionLock(database, 2, "killed").__enter__()
        taken = DefinitionLock(database, 30, "next")
        with pytest.raises(StoreBusy, match="killed defines the tables"):
            taken.__enter__()
        began = time.monotonic()
        eventually(lambda: takes(taken), 30, what="the lock is over")
        assert time.monotonic() - began < 10
        assert len(locks(database)) == 1
        taken.__exit__(None, None, None)
        with DefinitionLock(database, 30, "last"):
            pass


def takes(lock: DefinitionLock) -> bool:
    try:
        lock.__enter__()
    except StoreBusy:
        return False
    return True


def test_a_sink_that_was_held_up_notices_that_another_has_the_lock(tmp_path: Path) -> None:
    with serving(tmp_path) as server, Database(by_url(server, tmp_path)) as database:
        slow = DefinitionLock(database, 1, "slow")
        slow.__enter__()
        fast = DefinitionLock(database, 30, "fast")
        eventually(lambda: takes(fast), 30)
        with pytest.raises(StoreBusy, match="was over"):
            slow.extend()
        slow.__exit__(None, None, None)  # which changes nothing of the other's
        with pytest.raises(StoreBusy, match="fast defines"):
            DefinitionLock(database, 30, "third").__enter__()


def test_an_attempt_that_failed_does_not_wait_for_itself(tmp_path: Path) -> None:
    """The server was away when the lock was to be given back."""
    with serving(tmp_path) as server, Database(by_url(server, tmp_path)) as database:
        DefinitionLock(database, 30, "one").__enter__()
        with DefinitionLock(database, 30, "one"):
            pass
        with DefinitionLock(database, 30, "another"):
            pass
        server.refuse.set()
        with pytest.raises(StoreUnavailable):
            DefinitionLock(database, 30, "one").__enter__()
        server.refuse.clear()
