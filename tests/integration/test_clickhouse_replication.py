"""Tables of one server that become a cluster's: what ClickHouse's parser and its engine make of it.

There is no Keeper here. So the parser reads every statement as a cluster gets it, and the engine
runs them all without `ON CLUSTER` and `Replicated`: with the same rows, from any crash on.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sinks.clickhouse import database as database_module
from sinks.clickhouse import definitions, migration
from sinks.clickhouse.cluster import Cluster, everywhere
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived import views
from sinks.clickhouse.errors import StoreUnavailable
from sinks.clickhouse.replication import materialized_views, replicate
from sinks.clickhouse.retention import keep
from sinks.clickhouse.settings import ClickHouseSettings
from tests import clickhouse_records as records
from tests.integration.clickhouse_support import opened, settings
from tests.integration.test_query import store

CLUSTER = Cluster("main", "/clickhouse/tables/{shard}/{database}/{table}")
COUNTED = ("registrations", "presence_history", "presence", "calls", "migrations", "stored_periods")


def quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def on_one_server(sql: str) -> str:
    return re.sub(r" ON CLUSTER '\w+'", "", sql).replace("ENGINE = Replicated", "ENGINE = ")


@contextmanager
def as_cluster(patched: pytest.MonkeyPatch, seen: list[str]) -> Iterator[None]:
    """Definitions are made as for a cluster, noted, and run on the one server there is."""

    def noted(sql: str, cluster: Cluster | None) -> str:
        del cluster
        seen.append(everywhere(sql, CLUSTER))
        plain = on_one_server(seen[-1])
        # Where it stands in Keeper is no argument of a table of one server.
        return plain.replace(f"('{CLUSTER.path}', '{{replica}}')", "()").replace(
            f"('{CLUSTER.path}', '{{replica}}', ", "("
        )

    with patched.context() as inner:
        inner.setattr(database_module, "everywhere", noted)
        yield


def fill(database: Database) -> dict[str, Any]:
    """Rows of several days, each batch twice; what the views show of them."""
    for _ in range(2):
        store(database, "registrations", [records.registration(n) for n in range(50)])
        store(database, "calls", [records.call(n) for n in range(20)])
        store(database, "presence_history", [records.presence(v) for v in range(1, 6)])
    return shown(database)


def shown(database: Database) -> dict[str, Any]:
    return {name: database.query(f"SELECT * FROM {name} ORDER BY ALL") for name in COUNTED}


def test_the_parser_reads_every_definition_as_a_cluster_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    with Database(settings(tmp_path)) as database:
        with as_cluster(monkeypatch, seen):
            migration.migrate(database, migration.load())
            keep(database, settings(tmp_path, keep_events_days=90))
            views.make(database)
        assert sum("ON CLUSTER" in one for one in seen) > 60
        for one in seen:
            database.query(f"SELECT formatQuery('{quoted(one)}')")
            is_table = re.search(r"ENGINE = \w*MergeTree", one) and " AS " not in one
            assert not is_table or f"MergeTree('{CLUSTER.path}'" in one, one


def test_tables_of_one_server_become_replicated_with_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations, seen = migration.load(), list[str]()
    with opened(settings(tmp_path)) as database:
        before = fill(database)
        with as_cluster(monkeypatch, seen):
            replicate(database, migrations, lambda: None)
        assert shown(database) == before
        assert [one for one in tables(database) if one.endswith("_single")] == []
        made = " ".join(one for one in seen if one.startswith("CREATE TABLE"))
        assert "Replicated" in made
        assert migration.migrate(database, migrations) == []
        # What is stored from now on reaches what materialized views fill.
        store(database, "presence_history", [records.presence(9)])
        assert database.query("SELECT version FROM presence") == [(9,)]
        assert len(shown(database)["presence_history"]) == len(before["presence_history"]) + 1
        for one in seen:
            database.query(f"SELECT formatQuery('{quoted(one)}')")


def tables(database: Database) -> list[str]:
    sql = "SELECT name FROM system.tables WHERE database = currentDatabase()"
    return [name for (name,) in database.query(sql)]


def test_a_crash_anywhere_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every so many statements, and again from there on."""
    migrations, crashes = migration.load(), 0
    with opened(settings(tmp_path)) as database, as_cluster(monkeypatch, []):
        before = fill(database)
        while not attempt(database, migrations, 1 + 23 * crashes):
            crashes += 1
        assert crashes > 3
        assert shown(database) == before
        store(database, "presence_history", [records.presence(9)])
        assert database.query("SELECT version FROM presence") == [(9,)]
        assert [one for one in tables(database) if one.endswith("_single")] == []


def attempt(database: Database, migrations: list[migration.Migration], most: int) -> bool:
    """Replicate, but die after so many statements; whether it did not."""
    left = [most]

    def before() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoreUnavailable("killed")

    try:
        replicate(database, migrations, before)
    except StoreUnavailable:
        return False
    return True


def test_the_materialized_views_are_those_that_the_migrations_leave(tmp_path: Path) -> None:
    with opened(settings(tmp_path)) as database:
        sql = "SELECT name FROM system.tables WHERE engine = 'MaterializedView'"
        there = {name for (name,) in database.query(sql)}
    assert set(materialized_views(migration.load())) == there


def test_a_cluster_is_replicated_before_it_is_migrated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the other servers a migration would not find the tables."""
    order: list[str] = []
    chosen = ClickHouseSettings(url="http://x", cluster="main")
    for name in ("replicate", "migrate", "keep"):
        monkeypatch.setattr(definitions, name, lambda *_, name=name: order.append(name))
    monkeypatch.setattr(views, "make", lambda _: order.append("views"))
    definitions._define(None, chosen, [], lambda: None)  # type: ignore[arg-type]  # nothing is asked of the client
    assert order == ["replicate", "migrate", "keep", "views"]
