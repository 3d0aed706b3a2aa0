"""The settings of the ClickHouse sink: values that cannot work are refused by name."""

import pytest

from runtime.settings import BadSettings, load
from sinks.clickhouse.settings import ClickHouseSettings


@pytest.mark.parametrize("url", ["clickhouse.example.org:8123", "tcp://x:9000", "http://"])
def test_an_invalid_url_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadSettings, match=r"clickhouse\.url"):
        load(ClickHouseSettings, url=url)


def test_a_database_name_with_sql_is_refused() -> None:
    with pytest.raises(BadSettings, match=r"clickhouse\.database"):
        load(ClickHouseSettings, database="x; DROP TABLE y")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_CLICKHOUSE_URL", "https://ch.example.org")
    monkeypatch.setenv("ROLLCALL_CLICKHOUSE_BATCH_ROWS", "7")
    settings = load(ClickHouseSettings)
    assert (settings.place, settings.batch_rows) == ("https://ch.example.org", 7)
