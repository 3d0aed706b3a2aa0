"""The sink over https: an authority of one's own, and certificates that name the sink."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clickhouse_server import PASSWORD, Server, serving
from sinks.clickhouse.asking.client import ask
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StoreUnavailable
from sinks.clickhouse.settings import ClickHouseSettings
from tests.certificates import Authority
from tests.integration.clickhouse_support import opened, settings


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def server(authority: Authority, tmp_path: Path) -> Iterator[Server]:
    """It takes connections of those only who show a certificate of the authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.sign("server"))
    tls.load_verify_locations(authority.file)
    tls.verify_mode = ssl.CERT_REQUIRED
    with serving(tmp_path / "engine", tls=tls) as found:
        yield found


def over_tls(server: Server, folder: Path, **changed: Any) -> ClickHouseSettings:
    return settings(folder, **{"url": server.url, "password": PASSWORD, **changed})


@pytest.mark.parametrize("password", [PASSWORD, ""])
def test_a_certificate_beside_a_password_or_alone(
    server: Server, authority: Authority, tmp_path: Path, password: str
) -> None:
    certificate, key = authority.sign("sink")
    files = {"client_certificate": certificate, "client_key": key, "ca_file": authority.file}
    chosen = over_tls(server, tmp_path, password=password, **files)
    with opened(chosen) as database:
        assert database.query("SELECT count() FROM registrations") == [(0,)]
        assert ask(chosen, "SELECT count() FROM registrations", {}).rows == [[0]]


def test_a_server_of_an_unknown_authority_is_refused(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.sign("sink")
    files = {"client_certificate": certificate, "client_key": key}
    with pytest.raises(StoreUnavailable, match=r"(?i)certificate"):
        Database(over_tls(server, tmp_path, **files))
    other = Authority(tmp_path, "other")
    with pytest.raises(StoreUnavailable, match=r"(?i)certificate"):
        Database(over_tls(server, tmp_path, ca_file=other.file, **files))


def test_without_a_certificate_the_server_refuses(
    server: Server, authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(StoreUnavailable):
        Database(over_tls(server, tmp_path, ca_file=authority.file))
