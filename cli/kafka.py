"""The Kafka that a command uses: the one in the settings, else the running stack's."""

from pathlib import Path

from local.stack_file import read_stack
from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.kafka_reach import require_kafka
from runtime.settings import load


def reachable_kafka(folder: Path) -> KafkaSettings:
    """The settings of the Kafka that commands use, after it has answered.

    Raises BadSettings, KafkaUnavailable.
    """
    settings = kafka_settings(folder)
    try:
        require_kafka(settings)
    except KafkaUnavailable as error:
        if "bootstrap_servers" in settings.model_fields_set:
            raise
        raise KafkaUnavailable(f"{error}; `rollcall up` starts one in this folder") from error
    return settings


def kafka_settings(folder: Path) -> KafkaSettings:
    """The settings of the Kafka that commands use. Raises BadSettings."""
    settings = load(KafkaSettings)
    if "bootstrap_servers" in settings.model_fields_set:
        return settings
    if (running := read_stack(folder)) is not None:
        return load(KafkaSettings, bootstrap_servers=running["kafka"]["bootstrap_servers"])
    return settings
