"""Peer: faust-streaming as its documentation shows it, one event at a time.

An argument sets the producer's linger in milliseconds; Faust's own default is 0.
"""

import os
import sys
from typing import Any

import faust

from benchmarks.peers import Job
from benchmarks.peers.fold import fold

job = Job.given()
linger_ms = int(sys.argv[1]) if len(sys.argv) > 1 else 0
app = faust.App(
    job.group,
    broker=f"kafka://{job.bootstrap_servers}",
    store="memory://",
    topic_partitions=job.partitions,
    topic_disable_leader=True,
    value_serializer="json",
    key_serializer="raw",
    broker_commit_interval=1.0,
    producer_linger_ms=linger_ms,
    datadir=job.folder,
    web_enabled=False,
)
registrations = app.topic(job.input, key_type=bytes, value_serializer="json")
presence = app.topic(job.output, key_type=bytes, value_serializer="json")
latest = app.Table("latest", key_type=str, partitions=job.partitions)


@app.agent(registrations)  # type: ignore[untyped-decorator]  # Faust is untyped
async def follow(stream: Any) -> None:
    async for event in stream:
        aor = event["aor"]
        state, change = fold(latest.get(aor), event)
        if state is not None:
            latest[aor] = state
        if change is not None:
            presence.send_soon(key=aor.encode(), value=change)


if __name__ == "__main__":
    os.chdir(job.folder)
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    app.main()
