"""Types of the parts of confluent-kafka that Rollcall calls: the package has none.

From the docstrings of confluent_kafka.cimpl 2.12. What is called first is added here first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from confluent_kafka.admin import ClusterMetadata

OFFSET_BEGINNING: int
OFFSET_INVALID: int

def libversion() -> tuple[str, int]: ...

class KafkaError:
    CLUSTER_AUTHORIZATION_FAILED: ClassVar[int]
    COORDINATOR_LOAD_IN_PROGRESS: ClassVar[int]
    COORDINATOR_NOT_AVAILABLE: ClassVar[int]
    FENCED_INSTANCE_ID: ClassVar[int]
    FENCED_LEADER_EPOCH: ClassVar[int]
    GROUP_AUTHORIZATION_FAILED: ClassVar[int]
    INVALID_MSG_SIZE: ClassVar[int]
    INVALID_RECORD: ClassVar[int]
    INVALID_TIMESTAMP: ClassVar[int]
    LEADER_NOT_AVAILABLE: ClassVar[int]
    MSG_SIZE_TOO_LARGE: ClassVar[int]
    NOT_COORDINATOR: ClassVar[int]
    NOT_LEADER_FOR_PARTITION: ClassVar[int]
    POLICY_VIOLATION: ClassVar[int]
    RECORD_LIST_TOO_LARGE: ClassVar[int]
    SASL_AUTHENTICATION_FAILED: ClassVar[int]
    TOPIC_ALREADY_EXISTS: ClassVar[int]
    TOPIC_AUTHORIZATION_FAILED: ClassVar[int]
    UNKNOWN_LEADER_EPOCH: ClassVar[int]
    UNKNOWN_TOPIC_OR_PART: ClassVar[int]
    UNSUPPORTED_SASL_MECHANISM: ClassVar[int]
    _ALL_BROKERS_DOWN: ClassVar[int]
    _AUTHENTICATION: ClassVar[int]
    _FATAL: ClassVar[int]
    _FENCED: ClassVar[int]
    _INVALID_ARG: ClassVar[int]
    _INVALID_DIFFERENT_RECORD: ClassVar[int]
    _NOENT: ClassVar[int]
    _PARTITION_EOF: ClassVar[int]
    _RESOLVE: ClassVar[int]
    _SSL: ClassVar[int]
    _TIMED_OUT: ClassVar[int]
    _TRANSPORT: ClassVar[int]
    _UNKNOWN_BROKER: ClassVar[int]
    _UNKNOWN_PARTITION: ClassVar[int]

    def __init__(
        self,
        error: int,
        reason: str | None = None,
        fatal: bool = False,
        retriable: bool = False,
        txn_requires_abort: bool = False,
    ) -> None: ...
    def code(self) -> int: ...
    def name(self) -> str: ...
    def str(self) -> str: ...
    def fatal(self) -> bool: ...
    def retriable(self) -> bool: ...

class KafkaException(Exception):
    args: tuple[KafkaError, ...]
    def __init__(self, *args: KafkaError) -> None: ...

class Message:
    """Of an error that belongs to no partition, topic, partition and offset are None; of a record
    never, and only records are asked for them.
    """

    def error(self) -> KafkaError | None: ...
    def headers(self) -> list[tuple[str, bytes | None]] | None: ...
    def key(self) -> bytes | None: ...
    def offset(self) -> int: ...
    def partition(self) -> int: ...
    def timestamp(self) -> tuple[int, int]: ...
    def topic(self) -> str: ...
    def value(self) -> bytes | None: ...

class TopicPartition:
    topic: str
    partition: int
    offset: int
    error: KafkaError | None
    def __init__(
        self, topic: str, partition: int = ..., offset: int = ..., metadata: str | None = ...
    ) -> None: ...

class TopicCollection:
    def __init__(self, topic_names: Sequence[str]) -> None: ...

_Config = Mapping[str, Any]
_Rebalance = Callable[[Consumer, list[TopicPartition]], None]
_Headers = Sequence[tuple[str, bytes | None]] | Mapping[str, bytes | None]
_OnDelivery = Callable[[KafkaError | None, Message], object]

class Consumer:
    def __init__(self, config: _Config) -> None: ...
    def assign(self, partitions: list[TopicPartition]) -> None: ...
    def assignment(self) -> list[TopicPartition]: ...
    def close(self) -> None: ...
    def commit(
        self,
        message: Message = ...,
        offsets: list[TopicPartition] = ...,
        asynchronous: bool = True,
    ) -> list[TopicPartition] | None: ...
    def committed(
        self, partitions: list[TopicPartition], timeout: float = ...
    ) -> list[TopicPartition]: ...
    def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]: ...
    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = ..., cached: bool = False
    ) -> tuple[int, int]: ...
    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata: ...
    def offsets_for_times(
        self, partitions: list[TopicPartition], timeout: float = ...
    ) -> list[TopicPartition]: ...
    def pause(self, partitions: list[TopicPartition]) -> None: ...
    def poll(self, timeout: float = -1) -> Message | None: ...
    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]: ...
    def resume(self, partitions: list[TopicPartition]) -> None: ...
    def subscribe(
        self,
        topics: list[str],
        on_assign: _Rebalance = ...,
        on_revoke: _Rebalance = ...,
        on_lost: _Rebalance = ...,
    ) -> None: ...

class Producer:
    def __init__(self, config: _Config) -> None: ...
    def __len__(self) -> int: ...
    def flush(self, timeout: float = ...) -> int: ...
    def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata: ...
    def poll(self, timeout: float = ...) -> int: ...
    def produce(
        self,
        topic: str,
        value: bytes | str | None = None,
        key: bytes | str | None = None,
        partition: int = -1,
        on_delivery: _OnDelivery | None = None,
        callback: _OnDelivery | None = None,
        timestamp: int = 0,
        headers: _Headers | None = None,
    ) -> None: ...
    def purge(
        self, in_queue: bool = True, in_flight: bool = True, blocking: bool = True
    ) -> None: ...
