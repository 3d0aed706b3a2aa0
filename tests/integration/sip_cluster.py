"""SIP nodes with both producers beside them, the streams, and what Kafka holds of them."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.presence import Presence
from schemas.topic import Topic
from schemas.topics import CALLS, CONNECTIONS, DEAD_LETTERS, NODES, PRESENCE, REGISTRATIONS
from schemas.vocabulary import NodeKind, Status
from tests.eventually import eventually
from tests.integration.server_process import ServerProcess
from tests.integration.sip_client import DOMAIN, SipClient, registered
from tests.integration.sip_phone import SipPhone
from tests.stages import StageProcess

_READ_SECONDS = 20


class TopicLog:
    """Everything in one topic so far, read by one consumer that goes on."""

    def __init__(self, kafka: KafkaSettings, topic: Topic) -> None:
        self._topic = topic
        self._consumer = Consumer(kafka.consumer(f"test-{topic.name}"))
        self._partitions = [
            TopicPartition(kafka.name(topic), partition, OFFSET_BEGINNING)
            for partition in range(kafka.partitions)
        ]
        self._consumer.assign(self._partitions)
        self._admin = AdminClient(kafka.client())
        self._records: list[Any] = []

    def read(self) -> list[Any]:
        """All that the topic held when this was called: a fetch may take longer than one poll."""
        deadline = time.monotonic() + _READ_SECONDS
        ends = self._high_watermarks()
        self._consume(0)
        while any(self._position(one) < end for one, end in ends.items()):
            assert time.monotonic() < deadline, f"{self._topic.name} was not read to its end"
            self._consume(0.05)
        return self._records

    def _consume(self, seconds: float) -> None:
        for message in self._consumer.consume(1000, seconds):
            assert message.error() is None
            self._records.append(codec.validate(self._topic.model, message.value() or b""))

    def _high_watermarks(self) -> dict[TopicPartition, int]:
        """Over another connection: on the consumer's own they would wait behind its fetches."""
        asked = self._admin.list_offsets(
            {
                TopicPartition(one.topic, one.partition): OffsetSpec.latest()
                for one in self._partitions
            }
        )
        return {one: future.result(_READ_SECONDS).offset for one, future in asked.items()}

    def _position(self, partition: TopicPartition) -> int:
        """0 before the first record: the topics of a test begin there."""
        (found,) = self._consumer.position([partition])
        return max(int(found.offset), 0)

    def close(self) -> None:
        self._consumer.close()


class Node:
    """A server, its producer, and the kernel watcher of its port."""

    def __init__(
        self,
        name: str,
        folder: Path,
        kafka: KafkaSettings,
        server: ServerProcess,
        module: str,
        **settings: str,
    ) -> None:
        self.name, self.server = name, server
        spool = str(folder / "spool")
        self.watcher = StageProcess(
            "producers.sockets.stage",
            folder,
            kafka,
            ROLLCALL_SOCKETS_NODE=name,
            ROLLCALL_SOCKETS_PORTS=f'["{server.port}"]',
            ROLLCALL_PUBLISHER_SPOOL_FOLDER=spool,
        )
        self.producer = StageProcess(
            module, folder, kafka, ROLLCALL_PUBLISHER_SPOOL_FOLDER=spool, **settings
        )

    def stop(self) -> None:
        for stage in (self.producer, self.watcher):
            stage.__exit__()
        self.server.stop()


class Cluster:
    """The streams, and what is known of the nodes that a test starts beside them."""

    def __init__(self, kafka: KafkaSettings, folder: Path, **streams: str) -> None:
        self._extra = itertools.count(1)
        self.streams = StageProcess("streams.stage", folder, kafka, **streams)
        self._presence = TopicLog(kafka, PRESENCE)
        self._by_user: dict[str, list[Presence]] = {}
        self._indexed = 0
        self.registrations = TopicLog(kafka, REGISTRATIONS)
        self.connections = TopicLog(kafka, CONNECTIONS)
        self.nodes = TopicLog(kafka, NODES)
        self.calls = TopicLog(kafka, CALLS)
        self.dead_letters = TopicLog(kafka, DEAD_LETTERS)

    def stop(self) -> None:
        logs = (self.registrations, self.connections, self.nodes, self.calls, self.dead_letters)
        for log in (self._presence, *logs):
            log.close()
        self.streams.__exit__()

    def history(self, user: str) -> list[Presence]:
        return self.histories().get(user, [])

    def histories(self) -> dict[str, list[Presence]]:
        """Every user's presence so far, by the user's name."""
        states = self._presence.read()
        for state in states[self._indexed :]:
            user = state.aor.removeprefix("sip:").removesuffix(f"@{DOMAIN}")
            self._by_user.setdefault(user, []).append(state)
        self._indexed = len(states)
        return self._by_user

    def when(
        self, user: str, holds: Callable[[Presence], bool], what: str, timeout: float = 20
    ) -> Presence:
        """The user's state, as soon as this holds of the newest."""

        def found() -> Presence | None:
            states = self.history(user)
            return states[-1] if states and holds(states[-1]) else None

        try:
            state = eventually(found, timeout, what=f"{user} {what}")
        except AssertionError as error:
            # Which of three stages did not do its part?
            nodes = [str(e) for e in self.nodes.read() if e.kind is not NodeKind.HEARTBEAT][-5:]
            history = [(p.status, p.cause) for p in self.history(user)]
            context = f"nodes {nodes}, {user} {history}, streams {self.streams.status()}"
            raise AssertionError(f"{error}; {context}") from error
        assert state is not None
        return state

    def online(self, user: str, devices: int = 1) -> Presence:
        return self.when(
            user,
            lambda p: p.status is Status.ONLINE and len(p.bindings) == devices,
            f"online with {devices}",
        )

    def offline(self, user: str) -> Presence:
        return self.when(user, lambda p: p.status is Status.OFFLINE, "offline")

    def fold_all(self, server_port: int) -> None:
        """Everything reported before is folded by the time that the ends of later clients are."""
        users = [f"extra-{next(self._extra)}" for _ in range(8)]  # in most partitions
        clients = [SipClient(server_port, user) for user in users]
        for client in clients:
            client.register()
        for client, user in zip(clients, users, strict=True):
            self.online(user)
            client.close()
        for user in users:
            self.offline(user)

    @contextmanager
    def phones(self, server_port: int, *users: str) -> Iterator[list[SipPhone]]:
        """Registered, and shown online; offline again at the end."""
        all_of_them = [SipPhone(server_port, user) for user in users]
        for phone in all_of_them:
            phone.register()
            self.online(phone.user)
        yield all_of_them
        for phone in all_of_them:
            phone.close()
            self.offline(phone.user)

    def moved(self, server_port: int, user: str, node: str, *, same_contact: bool) -> SipClient:
        """A client that came back before its old connection ended, and was never offline."""
        first = registered(server_port, user)
        self.online(user)
        second = SipClient(server_port, user)
        second.succeed(first)
        if same_contact:
            second.contact = first.contact
        second.register()
        self.when(
            user,
            lambda p: any(b.remote and b.remote.port == second.port for b in p.bindings),
            "there over the new connection",
        )
        first.close()
        self.end_of(first.port, node)
        self.fold_all(server_port)
        assert self.online(user).bindings[0].remote.port == second.port  # type: ignore[union-attr]  # else it fails
        assert self.offline_count(user) == 0
        return second

    def offline_count(self, user: str) -> int:
        return sum(state.status is Status.OFFLINE for state in self.history(user))

    def end_of(self, port: int, node: str = "kam1") -> Any:
        """The end of the last connection from a client's port, once it is published."""

        def ended() -> Any:
            ends = [
                event
                for event in self.connections.read()
                if event.kind.is_end and event.remote.port == port and event.node == node
            ]
            return ends[-1] if ends else None

        return eventually(ended, what=f"the end of the connection from {port}")
