"""Which Kafka a command talks to: the one the user names, else the running stack's."""

from pathlib import Path

from local.stack import read_stack
from runtime.kafka import KafkaSettings
from runtime.kafka_reach import require_kafka
from runtime.settings import load


def reachable_kafka(folder: Path) -> KafkaSettings:
    """Settings of the Kafka that commands talk to, which has just answered.

    Raises BadSettings, KafkaUnavailable.
    """
    settings = kafka_settings(folder)
    require_kafka(settings)
    return settings


def kafka_settings(folder: Path) -> KafkaSettings:
    """Settings of the Kafka that commands talk to: named by the user, else the running stack's."""
    settings = load(KafkaSettings)
    if "bootstrap_servers" in settings.model_fields_set:
        return settings
    if (running := read_stack(folder)) is not None:
        return load(KafkaSettings, bootstrap_servers=running["kafka"]["bootstrap_servers"])
    return settings
