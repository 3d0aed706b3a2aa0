"""Each of librdkafka's errors is one to wait after, or one to change something after."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable, translate
from runtime.kafka_errors import PASSING, STANDING, passes

CODES = {
    name: getattr(KafkaError, name)
    for name in dir(KafkaError)
    if name.lstrip("_").isupper() and isinstance(getattr(KafkaError, name), int)
}


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_stands_in_one_table(name: str) -> None:
    """A newer librdkafka has a code that nobody has looked at."""
    assert (CODES[name] in PASSING) != (CODES[name] in STANDING), name


@pytest.mark.parametrize(
    "name",
    ["BROKER_NOT_AVAILABLE", "NETWORK_EXCEPTION", "_RESOLVE", "_TRANSPORT", "NOT_COORDINATOR"],
)
def test_a_stage_waits_for_what_passes(name: str) -> None:
    error = translate(KafkaException(KafkaError(CODES[name])), KafkaSettings())
    assert isinstance(error, KafkaUnavailable)


@pytest.mark.parametrize("name", ["TOPIC_AUTHORIZATION_FAILED", "_SSL", "INVALID_CONFIG"])
def test_a_stage_ends_where_it_would_fail_again(name: str) -> None:
    error = translate(KafkaException(KafkaError(CODES[name])), KafkaSettings())
    assert isinstance(error, KafkaMisconfigured)


def test_librdkafkas_own_word_comes_first() -> None:
    assert passes(KafkaError(KafkaError._SSL, "later", False, True))
    assert not passes(KafkaError(KafkaError._TRANSPORT, "never", True, False))
