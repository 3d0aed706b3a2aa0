"""Each of librdkafka's errors is transient or permanent."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable, translate
from runtime.kafka_errors import PERMANENT, TRANSIENT, is_transient

CODES = {
    name: getattr(KafkaError, name)
    for name in dir(KafkaError)
    if name.lstrip("_").isupper() and isinstance(getattr(KafkaError, name), int)
}


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_is_in_one_table(name: str) -> None:
    """Else a newer librdkafka has a code that is in neither: add it."""
    assert (CODES[name] in TRANSIENT) != (CODES[name] in PERMANENT), name


@pytest.mark.parametrize(
    "name",
    ["BROKER_NOT_AVAILABLE", "NETWORK_EXCEPTION", "_RESOLVE", "_TRANSPORT", "NOT_COORDINATOR"],
)
def test_a_stage_waits_after_a_transient_error(name: str) -> None:
    error = translate(KafkaException(KafkaError(CODES[name])), KafkaSettings())
    assert isinstance(error, KafkaUnavailable)


@pytest.mark.parametrize("name", ["TOPIC_AUTHORIZATION_FAILED", "_SSL", "INVALID_CONFIG"])
def test_a_stage_ends_after_a_permanent_error(name: str) -> None:
    error = translate(KafkaException(KafkaError(CODES[name])), KafkaSettings())
    assert isinstance(error, KafkaMisconfigured)


def test_librdkafkas_own_flags_come_before_the_tables() -> None:
    assert is_transient(KafkaError(KafkaError._SSL, "later", False, True))
    assert not is_transient(KafkaError(KafkaError._TRANSPORT, "never", True, False))
