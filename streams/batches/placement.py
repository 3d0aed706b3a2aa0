"""Checks that a record is in the partition of its key.

It is not after partitions were added to a topic, or if a producer uses another partitioner. Folded
there, it would begin a second state of its key. A key in the table was checked when it was added,
so only new keys are checked.
"""

from runtime.partitioner import partition_of


class Misplaced(Exception):
    """The record's key belongs into another partition: it must not be folded here."""


def check_placement(key: bytes, number: int, partitions: int) -> None:
    """Raises Misplaced unless the key belongs into partition `number` of `partitions`."""
    if partitions > 1 and (right := partition_of(key, partitions)) != number:
        raise Misplaced(
            f"its key belongs into partition {right} of {partitions}, not into {number}: the topic "
            "was given more partitions, or its producer's partitioner is not murmur2"
        )
