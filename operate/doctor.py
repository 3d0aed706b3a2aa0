"""Checks that everything Rollcall needs works; each failure has a remedy."""

import os
import socket
from collections.abc import Callable
from typing import Any

import httpx

from runtime.kafka import (
    KafkaMisconfigured,
    KafkaSettings,
    KafkaUnavailable,
    topic_problems,
)
from runtime.kafka_reach import require_kafka
from runtime.settings import is_configured, load, settings_file

Check = tuple[str, Callable[[], str]]
_SECONDS = 5.0


class CheckFailed(Exception):
    """The message has the fault, `remedy` what to do about it."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.remedy = remedy


def checks(kafka: Callable[[], KafkaSettings], stack: dict[str, Any] | None) -> list[Check]:
    """Every check by name; a check returns its result, or raises CheckFailed or BadSettings.

    `kafka` loads the settings of the Kafka to check; `stack` is the running stack's document.
    """
    found: list[Check] = [
        ("settings", _settings),
        ("stack", lambda: _stack(stack)),
        ("Kafka", lambda: _kafka(kafka())),
        ("topics", lambda: _topics(kafka())),
        ("ClickHouse", _clickhouse),
        ("user center", lambda: _user_center(stack)),
    ]
    if is_configured("freeswitch"):
        found.append(("event socket", _event_socket))
    return found


def _settings() -> str:
    from producers.freeswitch.settings import FreeSwitchSettings
    from producers.publisher import PublisherSettings
    from sinks.clickhouse.settings import ClickHouseSettings
    from streams.settings import StreamsSettings

    sections: tuple[Any, ...] = (
        KafkaSettings,
        StreamsSettings,
        ClickHouseSettings,
        PublisherSettings,
        FreeSwitchSettings,
    )
    for section in sections:
        load(section)
    path = settings_file()
    return f"{path} and the environment" if path.exists() else f"defaults (no {path})"


def _stack(running: dict[str, Any] | None) -> str:
    if running is None:
        return "none runs here (`rollcall up` starts one)"
    for label, stage in running["stages"].items():
        try:
            httpx.get(
                f"{stage['http']}/readyz", timeout=_SECONDS, trust_env=False
            ).raise_for_status()
        except httpx.HTTPError as error:
            raise CheckFailed(f"{label} is not ready: {error}", f"see {stage['log']}") from error
    return f"{len(running['stages'])} stages ready"


def _kafka(settings: KafkaSettings) -> str:
    try:
        require_kafka(settings)
        topic_problems(settings, _SECONDS)
    except KafkaUnavailable as error:
        raise CheckFailed(
            str(error), "start one with `rollcall up`, or set the address of yours"
        ) from error
    except KafkaMisconfigured as error:
        raise CheckFailed(
            str(error), "check the [kafka] settings: protocol, user, password"
        ) from error
    return f"answers at {settings.bootstrap_servers}"


def _topics(settings: KafkaSettings) -> str:
    try:
        require_kafka(settings)
        problems = topic_problems(settings, _SECONDS)
    except (KafkaUnavailable, KafkaMisconfigured) as error:
        raise CheckFailed("not checked, Kafka does not answer", "see above") from error
    if problems:
        raise CheckFailed(
            "; ".join(problems), "create missing ones with `rollcall topics --create`"
        )
    return f"all exist, {settings.partitions} partitions each"


def _clickhouse() -> str:
    from sinks.clickhouse.settings import ClickHouseSettings

    settings = load(ClickHouseSettings)
    if settings.url is None:
        return f"in process (chDB), data in {settings.folder}"
    try:
        answer = httpx.get(f"{settings.url.rstrip('/')}/ping", timeout=_SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise CheckFailed(
            f"{settings.url}: {error}", "check clickhouse.url, and that the server runs"
        ) from error
    return f"answers at {settings.url}"


def _user_center(running: dict[str, Any] | None) -> str:
    url = os.environ.get("ROLLCALL_USER_CENTER_URL") or (running or {}).get("user_center")
    if not url:
        return "the reference user center, when the stack runs"
    try:
        # Any answer is good: only a signed POST would succeed.
        httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise CheckFailed(f"{url}: {error}", "check user_center.url, and that it runs") from error
    return f"answers at {url}"


def _event_socket() -> str:
    from producers.freeswitch.settings import FreeSwitchSettings

    settings = load(FreeSwitchSettings)
    place = f"{settings.host}:{settings.port}"
    try:
        with socket.create_connection((settings.host, settings.port), _SECONDS) as connection:
            connection.settimeout(_SECONDS)
            stream = connection.makefile("rb")
            greeting = _block(stream)
            if b"auth/request" not in greeting:
                raise CheckFailed(
                    f"{place} refuses this address",
                    "add it to apply-inbound-acl in event_socket.conf.xml",
                )
            connection.sendall(f"auth {settings.password.get_secret_value()}\n\n".encode())
            if b"+OK" not in _block(stream):
                raise CheckFailed(f"{place} refuses the password", "set freeswitch.password")
    except OSError as error:
        raise CheckFailed(
            f"{place}: {error}",
            "check freeswitch.host and port, and that mod_event_socket is loaded",
        ) from error
    return f"{place} accepts the password"


def _block(stream: Any) -> bytes:
    lines = b""
    while (line := stream.readline(1024)) not in (b"\n", b""):
        lines += line
    return lines
