"""What a translation hands to the publisher: one event of the contract, its topic and key."""

from typing import Any, NamedTuple

from schemas.topic import Topic


class Translated(NamedTuple):
    """One record to publish."""

    topic: Topic
    key: str
    event: Any
