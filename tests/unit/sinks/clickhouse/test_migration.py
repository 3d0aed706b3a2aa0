"""The sink's edges without a server: settings, migration files, patience."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.settings import BadSettings, load
from sinks.clickhouse import migration
from sinks.clickhouse.database import StoreMisconfigured, StoreUnavailable
from sinks.clickhouse.patience import Stopped, patiently
from sinks.clickhouse.settings import ClickHouseSettings


@pytest.mark.parametrize("url", ["clickhouse.example.org:8123", "tcp://x:9000", "http://"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(BadSettings, match=r"clickhouse\.url"):
        load(ClickHouseSettings, url=url)


def test_a_database_name_is_no_sql() -> None:
    with pytest.raises(BadSettings, match=r"clickhouse\.database"):
        load(ClickHouseSettings, database="x; DROP TABLE y")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_CLICKHOUSE_URL", "https://ch.example.org")
    monkeypatch.setenv("ROLLCALL_CLICKHOUSE_BATCH_ROWS", "7")
    settings = load(ClickHouseSettings)
    assert (settings.place, settings.batch_rows) == ("https://ch.example.org", 7)


def test_shipped_migrations_are_numbered_and_have_statements() -> None:
    migrations = migration.load()
    assert [m.number for m in migrations] == list(range(1, len(migrations) + 1))
    assert all(m.statements for m in migrations)
    again = ("CREATE TABLE IF NOT EXISTS", "CREATE OR REPLACE VIEW", "CREATE MATERIALIZED VIEW IF")
    for statement in (s for m in migrations for s in m.statements):
        if statement.startswith("ALTER TABLE"):
            added = statement.count("ADD COLUMN IF NOT EXISTS")
            assert added == statement.count("ADD COLUMN")
            # To give a column or a view what it has already changes nothing.
            assert added or "MODIFY COLUMN" in statement or "MODIFY QUERY" in statement
        else:
            assert statement.startswith(again)


@pytest.mark.parametrize("names", [["0002_b.sql"], ["0001_a.sql", "0001_b.sql"], ["1_a.sql"]])
def test_a_gap_or_a_double_number_is_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1;")
    with pytest.raises(ValueError, match="expected"):
        migration.load(tmp_path)


def test_statements_end_at_line_ends_only() -> None:
    made = migration.Migration(number=1, name="x", text="-- a;\nSELECT ';x';\nSELECT\n 2;  \n")
    assert made.statements == ["SELECT ';x'", "SELECT\n 2"]


def failing(times: int, error: Exception) -> Callable[[], str]:
    left = [error] * times

    def do() -> str:
        if left:
            raise left.pop()
        return "done"

    return do


def test_patience_tries_until_it_works() -> None:
    pauses: list[float] = []
    failures: list[Exception] = []
    do = failing(5, StoreUnavailable("away"))
    assert patiently(do, threading.Event(), 2.0, pauses.append, failures.append) == "done"
    assert len(failures) == len(pauses) == 5
    assert all(0 <= pause <= 2.0 for pause in pauses)


def test_patience_ends_when_told_to_stop() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped, match="away"):
        patiently(failing(99, StoreUnavailable("away")), stop, 60.0)


def test_patience_is_not_for_what_waiting_cannot_mend() -> None:
    with pytest.raises(StoreMisconfigured):
        patiently(failing(1, StoreMisconfigured("wrong password")), threading.Event(), 60.0)
