"""Settings of the streams worker: the `[streams]` section."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from runtime.settings import Duration, StageSettings

NO_GRACE = timedelta(0)


class StreamsSettings(StageSettings):
    """Durations are seconds, or ISO 8601 text."""

    section: ClassVar[str] = "streams"

    processes: int = Field(
        1,
        ge=0,
        description="Worker processes that one `rollcall run streams` starts, each with some of "
        "the partitions; 0: one for each core that it may use. Never more than kafka.partitions.",
    )
    batch_records: int = Field(
        20_000, ge=1, description="Records fetched at most at a time, over all partitions."
    )
    commit_interval: Duration = Field(
        timedelta(milliseconds=500), description="How often consumed offsets are committed."
    )
    session_timeout: Duration = Field(
        timedelta(seconds=6),
        description="A killed worker's partitions stand still this long, and some seconds more. "
        "Brokers refuse less than their group.min.session.timeout.ms (6 s by default).",
    )
    expiry_slack: Duration = Field(
        timedelta(seconds=35),
        description="How long after a registrar must have dropped a binding it is dropped here: "
        "FreeSWITCH sweeps every 30 s.",
    )
    node_tick: Duration = Field(
        timedelta(seconds=5),
        description="How often a node's clock is copied to every partition; a silent partition "
        "notices overdue bindings that late.",
    )
    node_lease: Duration = Field(
        timedelta(seconds=5),
        description="Silence after which a node is lost, with all its bindings; longer than its "
        "producer takes to restart.",
    )
    unwatched_lease: Duration = Field(
        timedelta(minutes=5), description="The same once its producer was stopped on purpose."
    )
    stale_after: Duration = Field(
        timedelta(seconds=10),
        description="How long a node's events may be missing without a listing before its users' "
        "bindings are marked stale.",
    )
    grace: dict[str, Duration] = Field(
        default_factory=dict,
        description="By domain, or `*`: how long `status` stays online after a connection or node "
        'was lost; `reachable` does not wait. `{"example.org": 3}`.',
    )
    short_refreshes: bool = Field(
        True,
        description="Whether a REGISTER that only renews a binding is written as a short record "
        "instead of the user's whole session. Set it to false while workers of 0.2.0 or earlier "
        "are in the group: they cannot read such a record.",
    )
    instance: str | None = Field(
        None,
        description="A name of this stage that outlives it and that no other bears (the pod's in "
        "a StatefulSet): stopped or killed, it gets its partitions back at once. If it does not "
        "come back, they stand still for session_timeout; without a name a worker that is stopped "
        "leaves them to the others at once.",
    )
    data_folder: str = Field(
        ".rollcall/streams",
        description="For copies of the tables; it may be lost. With several processes each has a "
        "folder of its own in it.",
    )
    save_interval: Duration = Field(
        timedelta(seconds=60),
        description="How often each partition's tables are copied there, so that a worker that "
        "starts again need not read all from Kafka. 0: never.",
    )

    def process_count(self, partitions: int, cores: int) -> int:
        """How many worker processes to run on so many cores: one that has no partition is idle."""
        return min(self.processes or cores, partitions)

    def grace_of(self, aor: str) -> timedelta:
        """How long the status of this user (`sip:user@domain`) outlives a loss."""
        if not self.grace:
            return NO_GRACE
        domain = aor.rpartition("@")[2]
        return self.grace.get(domain, self.grace.get("*", NO_GRACE))
