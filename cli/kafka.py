"""The Kafka that a command uses: the one in the settings, else the running stack's."""

from cli.console import DEFAULT_FOLDER, DEMO_FOLDER
from local.stack import kafka_of
from local.stack_file import read_stack
from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.kafka_reach import require_kafka
from runtime.settings import load


def reachable_kafka() -> KafkaSettings:
    """The settings of the Kafka that commands use, after it has answered.

    Raises BadSettings, KafkaUnavailable.
    """
    settings = kafka_settings()
    try:
        require_kafka(settings)
    except KafkaUnavailable as error:
        if "bootstrap_servers" in settings.model_fields_set:
            raise
        raise KafkaUnavailable(f"{error}; `rollcall up` starts one in this folder") from error
    return settings


def kafka_settings() -> KafkaSettings:
    """The Kafka of the settings, else of the stack or demo that runs here. Raises BadSettings."""
    settings = load(KafkaSettings)
    if "bootstrap_servers" in settings.model_fields_set:
        return settings
    for folder in (DEFAULT_FOLDER, DEMO_FOLDER):
        if (running := read_stack(folder)) is not None:
            return kafka_of(running)
    return settings
