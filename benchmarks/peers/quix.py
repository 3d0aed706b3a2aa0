"""Peer: Quix Streams, a stateful apply on RocksDB with a changelog topic."""

from typing import Any

from quixstreams import Application, State

from benchmarks.peers import Job
from benchmarks.peers.fold import fold


def follow(event: dict[str, Any], state: State) -> dict[str, Any] | None:
    new, change = fold(state.get("latest"), event)
    if new is not None:
        state.set("latest", new)
    return change


def main() -> None:
    job = Job.given()
    app = Application(
        broker_address=job.bootstrap_servers,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=f"{job.folder}/state",
        producer_extra_config={"linger.ms": 20, "compression.type": "lz4"},
        use_changelog_topics=True,
        loglevel="WARNING",
    )
    registrations = app.topic(job.input, value_deserializer="json", key_deserializer="bytes")
    presence = app.topic(job.output, value_serializer="json", key_serializer="bytes")
    events = app.dataframe(registrations)
    changes = events.apply(follow, stateful=True)
    changes = changes[changes.apply(lambda change: change is not None)]
    changes.to_topic(presence)
    app.run()


if __name__ == "__main__":
    main()
