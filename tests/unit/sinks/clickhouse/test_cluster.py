"""Statements on a cluster: definitions everywhere, of replicated tables; nothing else changes.

tests/integration/test_clickhouse_replication.py has ClickHouse's own parser read them all.
"""

import pytest

from sinks.clickhouse.cluster import Cluster, everywhere, replicated

CLUSTER = Cluster("main", "/clickhouse/tables/{shard}/{database}/{table}")
PLACE = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("CREATE DATABASE IF NOT EXISTS r", "CREATE DATABASE IF NOT EXISTS r ON CLUSTER 'main'"),
        (
            "CREATE TABLE IF NOT EXISTS t (x UInt8) ENGINE = MergeTree ORDER BY x",
            "CREATE TABLE IF NOT EXISTS t ON CLUSTER 'main' (x UInt8)"
            f" ENGINE = ReplicatedMergeTree({PLACE}) ORDER BY x",
        ),
        (
            "CREATE TABLE t\n(\n    v UInt64\n)\nENGINE = ReplacingMergeTree(v)\nORDER BY v",
            "CREATE TABLE t ON CLUSTER 'main'\n(\n    v UInt64\n)\n"
            f"ENGINE = ReplicatedReplacingMergeTree({PLACE}, v)\nORDER BY v",
        ),
        ("CREATE TABLE t (x UInt8) ENGINE = Memory COMMENT 'a'", None),
        (
            "CREATE TABLE IF NOT EXISTS t_old AS t",
            "CREATE TABLE IF NOT EXISTS t_old ON CLUSTER 'main' AS t"
            " ENGINE = MergeTree ORDER BY tuple()",
        ),
        (
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            "CREATE OR REPLACE VIEW v ON CLUSTER 'main' AS SELECT 1",
        ),
        (
            "CREATE MATERIALIZED VIEW IF NOT EXISTS m TO t AS SELECT 1",
            "CREATE MATERIALIZED VIEW IF NOT EXISTS m ON CLUSTER 'main' TO t AS SELECT 1",
        ),
        ("ALTER TABLE t\n    ADD COLUMN x", "ALTER TABLE t ON CLUSTER 'main'\n    ADD COLUMN x"),
        ("DROP TABLE IF EXISTS t", "DROP TABLE IF EXISTS t ON CLUSTER 'main'"),
        ("RENAME TABLE a TO b, c TO d", "RENAME TABLE a TO b, c TO d ON CLUSTER 'main'"),
    ],
)
def test_a_definition_is_made_everywhere(sql: str, expected: str | None) -> None:
    made = everywhere(sql, CLUSTER)
    assert made == (expected or sql.replace("TABLE t", "TABLE t ON CLUSTER 'main'"))
    assert everywhere(sql, None) == sql


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t SELECT 1",
        "SELECT 'ALTER TABLE t'",
        "INSERT INTO migrations (name) VALUES ('DROP TABLE t')",
    ],
)
def test_other_statements_are_left_as_they_are(sql: str) -> None:
    assert everywhere(sql, CLUSTER) == sql


def test_a_replicated_table_stays_where_it_is() -> None:
    sql = "CREATE TABLE t (x UInt8) ENGINE = ReplicatedMergeTree('/x', '{replica}') ORDER BY x"
    assert replicated(sql, CLUSTER) == sql
