"""Whether a cluster answers, and why not: for commands, which do not wait for Kafka."""

import time

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from runtime.kafka import KafkaMisconfigured, KafkaSettings, no_answer
from runtime.librdkafka_log import cause_of

# For clusters that accept connections and do not answer, or drop packets.
TIMEOUT_SECONDS = 2.5
_ATTEMPT_SECONDS = 0.25


class _NoLog:
    """The `logger` of a client whose errors are read from its callback."""

    def log(self, *line: object) -> None:
        del line


def require_kafka(settings: KafkaSettings, timeout: float = TIMEOUT_SECONDS) -> None:
    """Return when the cluster has answered.

    Raises KafkaUnavailable: at once when no address can be connected to, else after `timeout`
    seconds; with the reason that librdkafka gives (refused, no such host, TLS, SASL).
    KafkaMisconfigured for settings that no client can have.
    """
    errors: list[KafkaError] = []
    options = {**settings.client(), "logger": _NoLog(), "error_cb": errors.append}
    try:
        client = AdminClient(options)
    except KafkaException as error:  # options that no client can have
        raise KafkaMisconfigured(f"[kafka]: {error.args[0].str()}") from error
    deadline = time.monotonic() + timeout
    while True:
        left = deadline - time.monotonic()
        try:
            client.list_topics(timeout=max(min(left, _ATTEMPT_SECONDS), 0.01))
            return
        except KafkaException as error:
            client.poll(0)  # serves error_cb
            all_down = any(one.code() == KafkaError._ALL_BROKERS_DOWN for one in errors)
            if all_down or left <= _ATTEMPT_SECONDS:
                raise no_answer(settings, _reason(errors, timeout)) from error


def _reason(errors: list[KafkaError], timeout: float) -> str:
    """The last error of a broker, without its address, which is in the message already."""
    causes = [cause_of(e.str()) for e in errors if e.code() != KafkaError._ALL_BROKERS_DOWN]
    if not causes:
        return f"no answer within {timeout:g} s"
    cause = causes[-1].partition("/bootstrap: ")[2] or causes[-1]
    return cause.partition(" failed: ")[2] or cause
