"""The doctor's list: the settings of every section that this machine will use, then what they name.

A section with a fault is reported once: what depends on it is not checked.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from operate.audit.nodes import nodes_of
from operate.audit.settings import AuditSettings
from operate.doctor import services, sources
from operate.doctor.check import Check, CheckFailed
from producers.publisher_settings import PublisherSettings
from runtime.kafka import KafkaSettings
from runtime.settings import BadArgument, BadSettings, StageSettings, load
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.user_center.settings import UserCenterSettings
from streams.settings import StreamsSettings

# What `rollcall up` sets itself, where the settings do not.
_GIVEN: Mapping[str, Mapping[str, str]] = {
    "user_center": {"url": "http://127.0.0.1/presence", "secret": "whsec_" + "A" * 32},
    "reference_user_center": {"secret": "whsec_" + "A" * 32},
}


def check_section(settings: type[StageSettings]) -> None:
    """Load one section, with what the stack sets itself. Raises BadSettings."""
    given: dict[str, str] = {}
    of_stack = _GIVEN.get(settings.section, {})
    while True:
        try:
            load(settings, **given)
        except BadSettings as error:
            text = str(error)
            absent = [n for n in of_stack if text.startswith(f"{settings.section}.{n}: Field req")]
            if not absent or absent[0] in given:
                raise
            given[absent[0]] = of_stack[absent[0]]
        else:
            return


def service_checks(
    sound: frozenset[str], kafka: Callable[[], KafkaSettings], stack: dict[str, Any] | None
) -> list[Check]:
    """The checks of what the `sound` sections name; `stack` is the running stack's document."""
    wanted: list[tuple[str, Check]] = [
        ("", ("stack", lambda: services.stack(stack))),
        ("publisher streams clickhouse", ("data folders", _folders)),
        ("kafka", ("Kafka", lambda: services.kafka(kafka()))),
        ("kafka", ("topics", lambda: services.topics(kafka()))),
        ("clickhouse", ("ClickHouse", services.clickhouse)),
        ("", ("user center", lambda: services.user_center(_user_center(stack)))),
        ("freeswitch", ("event socket", sources.event_socket)),
        ("opensips", ("OpenSIPS", sources.opensips)),
        ("kamailio", ("Kamailio", sources.kamailio)),
        ("mrcp", ("MRCP server's log", sources.mrcp)),
        ("rtpengine", ("rtpengine", sources.rtpengine)),
        ("sockets", ("kernel's sockets", sources.kernel_sockets)),
        ("audit", ("audit", _audit)),
    ]
    return [check for needed, check in wanted if sound.issuperset(needed.split())]


def _user_center(stack: dict[str, Any] | None) -> str | None:
    """The address in the settings, else the running stack's."""
    try:
        return str(load(UserCenterSettings).url)
    except BadSettings:  # not set, or its own fault, which is reported
        return stack["user_center"] if stack else None


def _folders() -> str:
    named = {
        "publisher.spool_folder": load(PublisherSettings).spool_folder,
        "streams.data_folder": Path(load(StreamsSettings).data_folder),
    }
    clickhouse = load(ClickHouseSettings)
    if clickhouse.url is None:
        named["clickhouse.folder"] = clickhouse.folder
    return services.folders(named)


def _audit() -> str:
    try:
        return f"{len(nodes_of(load(AuditSettings).nodes))} nodes"
    except BadArgument as error:
        raise CheckFailed(str(error), "set audit.nodes") from error
