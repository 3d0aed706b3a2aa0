"""`rollcall doctor`: is everything Rollcall needs there, and if not, what to do."""

import os
import socket
from collections.abc import Callable
from typing import Any

import httpx
from rich.console import Console

from local.command import DEFAULT_FOLDER
from local.stack import is_configured, kafka_settings, read_stack
from runtime.kafka import (
    KafkaMisconfigured,
    KafkaSettings,
    KafkaUnavailable,
    topic_problems,
)
from runtime.kafka_reach import require_kafka
from runtime.settings import BadSettings, load, settings_file

Check = tuple[str, Callable[[], str]]
_SECONDS = 5.0


class Ailing(Exception):
    """A check failed: what is wrong, and what to do about it."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(wrong)
        self.remedy = remedy


def doctor() -> bool:
    """Run every check, print a line each; whether all passed."""
    console = Console(highlight=False)
    well = True
    for name, check in _checks():
        try:
            console.print(f"[green]ok[/]      {name}: {check()}")
        except Ailing as error:
            well = False
            console.print(f"[red]failed[/]  {name}: {error}\n        → {error.remedy}")
        except BadSettings as error:
            well = False
            console.print(f"[red]failed[/]  {name}: {error}")
    return well


def _checks() -> list[Check]:
    checks: list[Check] = [
        ("settings", _settings),
        ("stack", _stack),
        ("Kafka", _kafka),
        ("topics", _topics),
        ("ClickHouse", _clickhouse),
        ("user center", _user_center),
    ]
    if is_configured("freeswitch"):
        checks.append(("event socket", _event_socket))
    return checks


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


def _stack() -> str:
    running = read_stack(DEFAULT_FOLDER)
    if running is None:
        return "none runs here (`rollcall up` starts one)"
    for label, stage in running["stages"].items():
        try:
            httpx.get(
                f"{stage['http']}/readyz", timeout=_SECONDS, trust_env=False
            ).raise_for_status()
        except httpx.HTTPError as error:
            raise Ailing(f"{label} is not ready: {error}", f"see {stage['log']}") from error
    return f"{len(running['stages'])} stages ready"


def _kafka() -> str:
    settings = kafka_settings(DEFAULT_FOLDER)
    try:
        require_kafka(settings)
        topic_problems(settings, _SECONDS)
    except KafkaUnavailable as error:
        raise Ailing(
            str(error), "start one with `rollcall up`, or name yours by that setting"
        ) from error
    except KafkaMisconfigured as error:
        raise Ailing(str(error), "check the [kafka] settings: protocol, user, password") from error
    return f"answers at {settings.bootstrap_servers}"


def _topics() -> str:
    settings = kafka_settings(DEFAULT_FOLDER)
    try:
        require_kafka(settings)
        problems = topic_problems(settings, _SECONDS)
    except (KafkaUnavailable, KafkaMisconfigured) as error:
        raise Ailing("not checked, Kafka does not answer", "see above") from error
    if problems:
        raise Ailing("; ".join(problems), "create missing ones with `rollcall topics --create`")
    return f"all there, {settings.partitions} partitions each"


def _clickhouse() -> str:
    from sinks.clickhouse.settings import ClickHouseSettings

    settings = load(ClickHouseSettings)
    if settings.url is None:
        return f"in process (chDB), data in {settings.folder}"
    try:
        answer = httpx.get(f"{settings.url.rstrip('/')}/ping", timeout=_SECONDS)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise Ailing(
            f"{settings.url}: {error}", "check clickhouse.url, and that the server runs"
        ) from error
    return f"answers at {settings.url}"


def _user_center() -> str:
    running = read_stack(DEFAULT_FOLDER)
    url = os.environ.get("ROLLCALL_USER_CENTER_URL") or (running or {}).get("user_center")
    if not url:
        return "the reference one, when the stack runs"
    try:
        # Any answer will do: only a POST with a signature is welcome there.
        httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise Ailing(f"{url}: {error}", "check user_center.url, and that it runs") from error
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
                raise Ailing(
                    f"{place} refuses this address",
                    "add it to apply-inbound-acl in event_socket.conf.xml",
                )
            connection.sendall(f"auth {settings.password.get_secret_value()}\n\n".encode())
            if b"+OK" not in _block(stream):
                raise Ailing(f"{place} refuses the password", "set freeswitch.password")
    except OSError as error:
        raise Ailing(
            f"{place}: {error}",
            "check freeswitch.host and port, and that mod_event_socket is loaded",
        ) from error
    return f"{place} accepts the password"


def _block(stream: Any) -> bytes:
    lines = b""
    while (line := stream.readline(1024)) not in (b"\n", b""):
        lines += line
    return lines
