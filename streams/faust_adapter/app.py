"""The Faust app: its settings, its sources, and the co-partitioned tables."""

import asyncio
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faust
from faust.types.auth import SASLMechanism

from runtime.kafka import KafkaSettings
from runtime.private_folders import make_private_folder
from schemas.topic import Topic
from streams.faust_adapter.consumer import BatchTransport, Receiver
from streams.faust_adapter.recovery import BatchTables, CheckAssignment, Load
from streams.faust_adapter.store import PartitionedTable
from streams.settings import StreamsSettings


class StreamsApp(faust.App):  # type: ignore[misc]  # Faust is untyped
    """A Faust app whose consumer hands fetched batches to a receiver; it has no agents."""

    receiver: Receiver

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._starting: asyncio.Future[None] | None = None
        self.sources: dict[str, Topic] = {}  # by their names on the cluster
        super().__init__(*args, **kwargs)

    def recover(self, load: Load, check_assignment: CheckAssignment) -> None:
        """Set how tables are loaded from files, and what is called with each assignment."""
        self.tables.recovery.load = load
        self.tables.check_assignment = check_assignment

    def begin(self) -> None:
        """Start; `ended` is set when it has failed to."""
        self.finalize()
        self._starting = asyncio.ensure_future(self.start())

    def ended(self) -> BaseException | None:
        """Why Faust does not run any more, if so.

        A dead consumer leaves the rest of Faust alive and idle: the worker must start afresh then.
        """
        starting = self._starting
        if starting is not None and starting.done() and starting.exception() is not None:
            return starting.exception()
        if self.crashed:
            return self.crash_reason or RuntimeError("Faust crashed")
        return RuntimeError("Faust stopped by itself") if self.should_stop else None

    async def stop_without_commit(self) -> None:
        """Stop without committing: what is in flight is read again."""
        self.consumer.commits_nothing = True
        await self.stop()

    def read(self, kafka: KafkaSettings, topics: Iterable[Topic], receiver: Receiver) -> None:
        """Subscribe to topics, whose records go to the receiver. To be called once, before
        `begin`."""
        self.receiver = receiver
        for topic in topics:
            name = kafka.name(topic)
            self.sources[name] = topic
            self.topics.add(self.topic(name, partitions=kafka.partitions))

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self, loop=self.loop)


def make_app(kafka: KafkaSettings, settings: StreamsSettings) -> StreamsApp:
    """The app, configured but without sources or tables."""
    session = settings.session_timeout.total_seconds()
    folder = Path(settings.data_folder)
    make_private_folder(folder)
    servers = kafka.bootstrap_servers.split(",")
    return StreamsApp(
        kafka.group("streams"),
        broker=[f"kafka://{server.strip()}" for server in servers],
        broker_credentials=_credentials(kafka),
        broker_client_id="rollcall-streams",
        broker_commit_interval=settings.commit_interval.total_seconds(),
        broker_max_poll_records=settings.batch_records,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 5,
        broker_rebalance_timeout=session * 2,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance,
        # Revocation waits for the batch under way (BatchConsumer.wait_empty), so that no other
        # worker folds it meanwhile.
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        TableManager=BatchTables,
        # A standby would need the memory of its tables again, and Faust would still read the whole
        # changelog on takeover: it does not keep a standby's offset for its active role.
        table_standby_replicas=0,
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication_factor,
        topic_allow_declare=False,  # runtime.kafka.ensure_topics makes them
        topic_disable_leader=True,
        web_enabled=False,
        datadir=folder,
        producer_partitioner=None,
        autodiscover=False,
    )


def _credentials(kafka: KafkaSettings) -> Any:
    context = None
    if kafka.security_protocol.endswith("SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_ca_location)
    if kafka.sasl_mechanism:
        password = kafka.sasl_password.get_secret_value() if kafka.sasl_password else ""
        return faust.SASLCredentials(
            mechanism=SASLMechanism(kafka.sasl_mechanism),
            username=kafka.sasl_username,
            password=password,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None


def add_table(app: StreamsApp, kafka: KafkaSettings, topic: Topic) -> PartitionedTable:
    """A table whose changelog is `topic`."""
    changelog = app.topic(
        kafka.name(topic),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        partitions=kafka.partitions,
        compacting=True,
        internal=True,
    )
    return app.tables.add(  # type: ignore[no-any-return]  # Faust is untyped
        PartitionedTable(
            app,
            name=topic.name.replace(".", "-"),
            key_type=bytes,
            value_type=bytes,
            partitions=kafka.partitions,
            changelog_topic=changelog,
        )
    )
