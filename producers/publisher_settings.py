"""Settings of the publisher: bounds of memory and disk, and what they mean to librdkafka."""

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from runtime.kafka import KafkaSettings
from runtime.settings import StageSettings


class PublisherSettings(StageSettings):
    """Bounds of memory and disk, and when Kafka counts as away."""

    section: ClassVar[str] = "publisher"

    spool_folder: Path = Field(
        Path(".rollcall/spool"), description="Must outlive the process: a volume, not a tmpfs."
    )
    spool_max_bytes: int = Field(2**30, ge=0)
    queue_max_records: int = Field(100_000, ge=1)
    queue_max_bytes: int = Field(128 * 2**20, ge=2**20)
    linger_ms: float = Field(1.0, ge=0, description="How long a record waits to share a batch.")
    silence_seconds: float = Field(
        1.0, gt=0, description="Nothing acknowledged for this long: go on to disk."
    )
    give_up_ms: int = Field(
        0,
        ge=0,
        description="librdkafka's message.timeout.ms. 0: it never gives a record up, which keeps "
        "repeats and reordering away; otherwise given-up records come again from the spool.",
    )
    trace_ratio: float = Field(0.01, ge=0, le=1, description="Share of new traces marked sampled.")


def librdkafka_options(kafka: KafkaSettings, settings: PublisherSettings) -> dict[str, Any]:
    """librdkafka's configuration of a session that keeps order and gives nothing up."""
    return kafka.producer(
        **{
            "linger.ms": settings.linger_ms,
            # A little more than is ever handed over: Delivery.accept holds the bound.
            "queue.buffering.max.messages": settings.queue_max_records + 1000,
            "queue.buffering.max.kbytes": settings.queue_max_bytes // 1024,
            "message.timeout.ms": settings.give_up_ms,
            # A refused batch stops the session instead of letting later ones overtake it.
            "enable.gapless.guarantee": True,
            "socket.timeout.ms": 10_000,
            "socket.connection.setup.timeout.ms": 5_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 0,  # the error callback reports the same, and is logged once a cause
        }
    )
