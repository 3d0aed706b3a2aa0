"""Settings of the streams worker: the `[streams]` section."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from runtime.settings import StageSettings


class StreamsSettings(StageSettings):
    """Durations are seconds, or ISO 8601 text."""

    section: ClassVar[str] = "streams"

    batch_records: int = Field(
        20_000, ge=1, description="Records fetched at most at a time, over all partitions."
    )
    commit_interval: timedelta = Field(
        timedelta(milliseconds=500), description="How often consumed offsets are committed."
    )
    session_timeout: timedelta = Field(
        timedelta(seconds=10), description="A killed worker's partitions stand still this long."
    )
    expiry_slack: timedelta = Field(
        timedelta(seconds=35),
        description="How long after a registrar must have dropped a binding it is dropped here: "
        "FreeSWITCH sweeps every 30 s.",
    )
    node_tick: timedelta = Field(
        timedelta(seconds=5),
        description="How often a node's clock is copied to every partition; a silent partition "
        "notices overdue bindings that late.",
    )
    data_folder: str = Field(".rollcall/streams", description="Faust's own small files.")
