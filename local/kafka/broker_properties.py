"""The embedded broker's server.properties: one KRaft node, small, without replication."""

from pathlib import Path

from local.network import HOST


def broker_properties(data: Path, port: int, controller: int) -> str:
    """The file's text, for a broker at `port` with its controller at `controller`."""
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": data,
        # Topics are declared in schemas/topics.py; a misspelt name must fail.
        "auto.create.topics.enable": "false",
        "num.partitions": 4,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # A lone consumer does not wait for others to join.
        "group.initial.rebalance.delay.ms": 0,
        # A killed worker must not keep its partitions for the usual 6 s or more.
        "group.min.session.timeout.ms": 500,
        "group.max.session.timeout.ms": 1800000,
        # Small, for a heap of half a gigabyte and many small topics.
        "log.cleaner.dedupe.buffer.size": 16777216,
        "log.index.size.max.bytes": 1048576,
        "log.segment.delete.delay.ms": 1000,
        "num.recovery.threads.per.data.dir": 2,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())
