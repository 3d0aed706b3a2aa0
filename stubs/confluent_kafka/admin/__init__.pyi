"""Types of the parts of confluent_kafka.admin that Rollcall calls."""

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, ClassVar

from confluent_kafka import KafkaError, TopicCollection, TopicPartition

class PartitionMetadata:
    id: int
    leader: int
    replicas: list[int]
    isrs: list[int]

class TopicMetadata:
    topic: str
    partitions: dict[int, PartitionMetadata]
    error: KafkaError | None

class BrokerMetadata:
    id: int
    host: str
    port: int

class ClusterMetadata:
    cluster_id: str
    brokers: dict[int, BrokerMetadata]
    topics: dict[str, TopicMetadata]

class TopicDescription:
    name: str
    topic_id: Any

class ConsumerGroupDescription:
    group_id: str
    members: list[Any]
    state: Any

class NewTopic:
    topic: str
    num_partitions: int
    def __init__(
        self,
        topic: str,
        num_partitions: int = ...,
        replication_factor: int = ...,
        replica_assignment: list[list[int]] = ...,
        config: dict[str, str] = ...,
    ) -> None: ...

class NewPartitions:
    def __init__(self, topic: str, new_total_count: int) -> None: ...

class ResourceType:
    TOPIC: ClassVar[int]

class ConfigResource:
    def __init__(self, restype: int, name: str) -> None: ...

class ConfigEntry:
    name: str
    value: str

class OffsetSpec:
    @classmethod
    def earliest(cls) -> OffsetSpec: ...
    @classmethod
    def latest(cls) -> OffsetSpec: ...

class ListOffsetsResultInfo:
    offset: int
    timestamp: int

class AdminClient:
    def __init__(self, conf: Mapping[str, Any]) -> None: ...
    def create_partitions(
        self, new_partitions: list[NewPartitions], **options: Any
    ) -> dict[str, Future[None]]: ...
    def create_topics(
        self, new_topics: list[NewTopic], **options: Any
    ) -> dict[str, Future[None]]: ...
    def delete_topics(self, topics: list[str], **options: Any) -> dict[str, Future[None]]: ...
    def delete_records(
        self, topic_partition_offsets: list[TopicPartition], **options: Any
    ) -> dict[TopicPartition, Future[Any]]: ...
    def describe_consumer_groups(
        self, group_ids: list[str], **options: Any
    ) -> dict[str, Future[ConsumerGroupDescription]]: ...
    def describe_topics(
        self, topics: TopicCollection, **options: Any
    ) -> dict[str, Future[TopicDescription]]: ...
    def describe_configs(
        self, resources: list[ConfigResource], **options: Any
    ) -> dict[ConfigResource, Future[dict[str, ConfigEntry]]]: ...
    def list_offsets(
        self, topic_partition_offsets: Mapping[TopicPartition, OffsetSpec], **options: Any
    ) -> dict[TopicPartition, Future[ListOffsetsResultInfo]]: ...
    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata: ...
    def poll(self, timeout: float = ...) -> int: ...
