"""Kafka clients and topics: one place for their configuration and their errors."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr

from runtime.kafka_errors import NO_ANSWER, is_transient
from runtime.librdkafka_log import LIBRDKAFKA_LOG
from runtime.settings import Duration, StageSettings
from runtime.topic_leaders import wait_until_led
from schemas import topics
from schemas.topic import Cleanup, Topic

# Where the address is set: [kafka] in the settings file, or the environment.
BOOTSTRAP_SETTING = "kafka.bootstrap_servers, ROLLCALL_KAFKA_BOOTSTRAP_SERVERS"


class SecurityProtocol(StrEnum):
    """How to connect to brokers, in Kafka's own names; upper and lower case are the same."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"


class SaslMechanism(StrEnum):
    """The mechanisms that librdkafka and aiokafka share; upper and lower case are the same."""

    PLAIN = "PLAIN"
    GSSAPI = "GSSAPI"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"
    OAUTHBEARER = "OAUTHBEARER"


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _upper_or_none(value: Any) -> Any:
    return _upper(value) or None


class KafkaUnavailable(Exception):
    """No broker answered in time. Wait and try again; the message names the addresses."""


class KafkaMisconfigured(Exception):
    """The cluster refuses what was asked, and will again: settings or permissions are wrong."""


class KafkaSettings(StageSettings):
    """How to reach the cluster; every stage reads the same section."""

    section: ClassVar[str] = "kafka"

    bootstrap_servers: str = Field(
        "127.0.0.1:9092",
        validation_alias=AliasChoices(
            "bootstrap_servers", "ROLLCALL_KAFKA_BOOTSTRAP_SERVERS", "KAFKA_BOOTSTRAP_SERVERS"
        ),
    )
    security_protocol: Annotated[SecurityProtocol, BeforeValidator(_upper)] = (
        SecurityProtocol.PLAINTEXT
    )
    sasl_mechanism: Annotated[SaslMechanism | None, BeforeValidator(_upper_or_none)] = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: str | None = None
    partitions: int = Field(4, ge=1, description="Of every topic; all are co-partitioned.")
    partition_check_interval: Duration = Field(
        timedelta(seconds=15),
        gt=timedelta(0),
        description="How often streams and producers look whether the topics still have so many.",
    )
    replication_factor: int = Field(1, ge=1)
    namespace: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Prefix of every topic and group: several Rollcalls on one cluster.",
    )

    def name(self, topic: Topic) -> str:
        """The topic's name on this cluster."""
        return f"{self.namespace}{topic.name}"

    def group(self, name: str) -> str:
        """The consumer group of a stage on this cluster."""
        return f"{self.namespace}rollcall-{name}"

    def client(self) -> dict[str, Any]:
        """librdkafka configuration common to producers, consumers and admin clients."""
        options: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol.value,
            "log_level": 3,
            "logger": LIBRDKAFKA_LOG,
        }
        if self.sasl_mechanism:
            password = self.sasl_password.get_secret_value() if self.sasl_password else ""
            options |= {
                "sasl.mechanism": self.sasl_mechanism.value,
                "sasl.username": self.sasl_username or "",
                "sasl.password": password,
            }
        if self.ssl_ca_location:
            options["ssl.ca.location"] = self.ssl_ca_location
        return options

    def producer(self, **overrides: Any) -> dict[str, Any]:
        """librdkafka configuration of a producer that loses and reorders nothing.

        murmur2_random is Java's and aiokafka's partitioner. With librdkafka's default, CRC32,
        records would not meet the ones they are joined with.
        """
        return {
            **self.client(),
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 1,
            **overrides,
        }

    def consumer(self, group: str, **overrides: Any) -> dict[str, Any]:
        """librdkafka configuration of a consumer that commits its offsets itself."""
        return {
            **self.client(),
            "group.id": self.group(group),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            # When a partition's queue was full, librdkafka would look only a second later whether
            # it has room again.
            "fetch.queue.backoff.ms": 5,
            **overrides,
        }


def _partition_counts(settings: KafkaSettings, timeout: float) -> dict[str, int | None]:
    """The number of partitions of each topic of the contract; None where the topic is missing."""
    try:
        existing = AdminClient(settings.client()).list_topics(timeout=timeout).topics
    except KafkaException as error:
        raise translate(error, settings) from error
    names = [settings.name(topic) for topic in topics.ALL]
    return {n: len(existing[n].partitions) if n in existing else None for n in names}


def topic_problems(settings: KafkaSettings, timeout: float = 30.0) -> list[str]:
    """What is wrong with the cluster's topics, as text for people; empty where nothing is.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    return [
        f"{name} is missing" if count is None else f"{name} has {count} partitions"
        for name, count in _partition_counts(settings, timeout).items()
        if count != settings.partitions
    ]


def ensure_topics(settings: KafkaSettings, timeout: float = 30.0) -> None:
    """Create the topics that are missing; existing ones must have one number of partitions.

    New topics can be read and written when it returns: brokers report a leader a moment before it
    leads.

    Raises KafkaUnavailable after `timeout` seconds, KafkaMisconfigured.
    """
    counts = _partition_counts(settings, timeout)
    if wrong := {n: c for n, c in counts.items() if c not in (None, settings.partitions)}:
        raise KafkaMisconfigured(
            f"all topics must have kafka.partitions={settings.partitions} partitions, but {wrong}"
        )
    missing = [_new_topic(t, settings) for t in topics.ALL if counts[settings.name(t)] is None]
    if not missing:
        return
    admin = AdminClient(settings.client())
    for future in admin.create_topics(missing, operation_timeout=timeout).values():
        try:
            future.result(timeout)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise translate(error, settings) from error
    wait_for_leaders(settings, [topic.topic for topic in missing], timeout)


def wait_for_leaders(settings: KafkaSettings, names: Iterable[str], timeout: float = 30.0) -> None:
    """Return when these topics can be read and written: they are new, or their broker is.

    Raises KafkaUnavailable after `timeout` seconds, KafkaMisconfigured.
    """
    try:
        wait_until_led(lambda: AdminClient(settings.client()), names, settings.partitions, timeout)
    except KafkaException as error:
        raise translate(error, settings) from error


def topic_ids(
    settings: KafkaSettings, names: Iterable[str], timeout: float = 10.0
) -> dict[str, str]:
    """The id of each topic, by name in the cluster. A topic made again under its name has another.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    admin = AdminClient(settings.client())
    found = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout)
    try:
        return {name: str(future.result(timeout).topic_id) for name, future in found.items()}
    except KafkaException as error:
        raise translate(error, settings) from error
    except TimeoutError as error:
        raise no_answer(settings, "no description of the topics") from error


def _new_topic(topic: Topic, settings: KafkaSettings) -> NewTopic:
    config = {"cleanup.policy": topic.cleanup.value}
    if topic.cleanup is Cleanup.COMPACT:
        config |= {"min.cleanable.dirty.ratio": "0.1", "delete.retention.ms": "86400000"}
    if topic.retention is not None:
        config["retention.ms"] = str(int(topic.retention.total_seconds() * 1000))
    return NewTopic(
        settings.name(topic),
        num_partitions=settings.partitions,
        replication_factor=settings.replication_factor,
        config=config,
    )


def translate(error: KafkaException, settings: KafkaSettings) -> Exception:
    """The named error for a librdkafka one: whether to wait, or to change something."""
    cause: KafkaError = error.args[0]
    if cause.code() in NO_ANSWER:
        return no_answer(settings, cause.str())
    text = f"Kafka at {settings.bootstrap_servers}: {cause.str()}"
    return KafkaUnavailable(text) if is_transient(cause) else KafkaMisconfigured(text)


def no_answer(settings: KafkaSettings, reason: str) -> KafkaUnavailable:
    """The error of a cluster that does not answer: its address, and the setting of the address."""
    servers = settings.bootstrap_servers
    return KafkaUnavailable(f"Kafka at {servers} does not answer ({BOOTSTRAP_SETTING}): {reason}")
