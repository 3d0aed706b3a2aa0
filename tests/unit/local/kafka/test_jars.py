"""Kafka's jars: pinned by hash, fetched whole or not at all."""

import hashlib
from pathlib import Path

import httpx
import pytest

from local.kafka import jars
from local.kafka.jars import Jar, KafkaJarsUnavailable

BODY = b"the jar"
JAR = Jar("org.example", "one", "1.2", hashlib.sha256(BODY).hexdigest())


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "rollcall" / "kafka"
    folder.mkdir(parents=True)
    return folder


def client(answer: httpx.Response) -> httpx.Client:
    """Of a repository that gives this answer for the jar's own path, and no other."""

    def handle(request: httpx.Request) -> httpx.Response:
        assert str(request.url) == f"{jars.REPOSITORY}/org/example/one/1.2/one-1.2.jar"
        return answer

    return httpx.Client(transport=httpx.MockTransport(handle))


def test_what_was_pinned_is_cached(cache: Path) -> None:
    jars.fetch(client(httpx.Response(200, content=BODY)), JAR)
    assert [file.read_bytes() for file in cache.iterdir()] == [BODY]
    assert JAR.path.exists()


def test_what_is_something_else_is_not(cache: Path) -> None:
    with pytest.raises(KafkaJarsUnavailable, match=r"one-1\.2\.jar: SHA-256 .* but jars\.lock has"):
        jars.fetch(client(httpx.Response(200, content=b"another jar")), JAR)
    assert list(cache.iterdir()) == []


def test_an_error_page_is_not(cache: Path) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        jars.fetch(client(httpx.Response(404, content=BODY)), JAR)
    assert list(cache.iterdir()) == []


def test_without_a_network_the_error_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    monkeypatch.setattr(jars, "REPOSITORY", "http://127.0.0.1:1/maven2")
    with pytest.raises(KafkaJarsUnavailable) as caught:
        jars.classpath()
    assert "127.0.0.1:1/maven2" in str(caught.value)
    assert str(cache) in str(caught.value)
    assert "KAFKA_BOOTSTRAP_SERVERS" in str(caught.value)


def test_the_lock_file_names_kafka_once_and_every_jar_by_hash() -> None:
    found = jars.pinned()
    assert len(found) == len({(jar.group, jar.artifact) for jar in found}) > 40
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in found)
    assert jars.version() == "4.3.1"
