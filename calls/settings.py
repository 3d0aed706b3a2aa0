"""The section [calls]: for how long calls are kept, and when one without an end has ended."""

from datetime import timedelta
from typing import ClassVar

from pydantic import Field

from runtime.settings import Duration, StageSettings


class CallsSettings(StageSettings):
    """Times are of this stage's clock, from the last event of the call."""

    section: ClassVar[str] = "calls"

    keep: Duration = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        description="How long an ended call stays in the topic, and in memory: for late events.",
    )
    unanswered_max: Duration = Field(
        timedelta(minutes=15),
        ge=timedelta(seconds=10),
        description="After so long without an event a call that was not answered has ended.",
    )
    answered_max: Duration = Field(
        timedelta(hours=12),
        ge=timedelta(seconds=10),
        description="The same of an answered call; a listing that shows it is an event of it.",
    )
    wait: Duration = Field(
        timedelta(seconds=30),
        ge=timedelta(0),
        description="How long media, speech or a user's loss may wait for its call to be read.",
    )
    instance: str = Field(
        "calls",
        min_length=1,
        max_length=200,
        description="The stage's one member of its consumer group: a second process with this "
        "name takes over, and the first one ends.",
    )
