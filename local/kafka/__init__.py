"""The embedded Kafka: a real broker as a child process, for one machine and for tests."""

from local.kafka.embedded import EmbeddedKafka, KafkaFolderInUse, KafkaStartFailed

__all__ = ["EmbeddedKafka", "KafkaFolderInUse", "KafkaStartFailed"]
