"""Does a record stand in the partition that its key belongs into?

Not after a topic was given more partitions, nor where a producer has another partitioner. Folded
there it would begin a second state of its key beside the one in the right partition. A key that a
table knows was placed when it came in, so only new ones are looked at.
"""

from runtime.partitioner import partition_of


class Misplaced(Exception):
    """The record's key belongs into another partition: it must not be folded here."""


def place(key: bytes, number: int, partitions: int) -> None:
    """Raises Misplaced unless the key belongs into partition `number` of `partitions`."""
    if partitions > 1 and (right := partition_of(key, partitions)) != number:
        raise Misplaced(
            f"its key belongs into partition {right} of {partitions}, not into {number}: the topic "
            "was given more partitions, or its producer's partitioner is not murmur2"
        )
