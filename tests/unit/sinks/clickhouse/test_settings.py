"""The settings of the ClickHouse sink: values that cannot work are refused by name."""

from pathlib import Path

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


@pytest.mark.parametrize("name", ["ca_file", "client_certificate"])
def test_certificates_are_for_https_only(name: str, tmp_path: Path) -> None:
    """With http they would protect nothing, without a word."""
    file = tmp_path / "file.pem"
    file.touch()
    for url in (None, "http://x"):
        with pytest.raises(BadSettings, match="only with an https"):
            load(ClickHouseSettings, url=url, **{name: file})
    with pytest.raises(BadSettings, match=rf"clickhouse\.{name}"):
        load(ClickHouseSettings, url="https://x", **{name: tmp_path / "none.pem"})


def test_a_key_needs_its_certificate(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    with pytest.raises(BadSettings, match="only with client_certificate"):
        load(ClickHouseSettings, url="https://x", client_key=tmp_path / "key")


@pytest.mark.parametrize(
    ("name", "value"),
    [("cluster", "x' DROP"), ("replica_path", "/x/{shard}"), ("insert_quorum", "many")],
)
def test_what_cannot_be_a_clusters_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=rf"clickhouse\.{name}"):
        load(ClickHouseSettings, url="https://x", **{name: value})


def test_a_cluster_needs_a_server() -> None:
    with pytest.raises(BadSettings, match="only with the url"):
        load(ClickHouseSettings, cluster="main")
    assert load(ClickHouseSettings, url="https://x").replicas is None
    assert load(ClickHouseSettings, url="https://x", cluster="main").replicas is not None
