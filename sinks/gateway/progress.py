"""Up to where the hub has applied the topic, and which cursors it can resume from (pure)."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from operator import le

from sinks.gateway.cursor import Cursor, tagged

DAY = timedelta(days=1)
_SECONDS = 60


class Resume(Enum):
    """What can be done with a subscriber's cursor."""

    NOW = "now"
    LATER = "later"  # this gateway has not read so far yet
    NEVER = "never"  # another topic, or too old: the whole state is needed


class Progress:
    """The next offset of each partition, and the topic's epoch. `clock`: seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._epoch = bytes(8)
        self._remembered = DAY
        self._offsets: list[int] = [0]
        self._made: tuple[int, str] | None = None

    def begin(self, epoch: bytes, partitions: int, remembered: timedelta) -> None:
        """Read a topic from its beginning. For `remembered`, removals are known after it."""
        self._epoch, self._offsets, self._made = epoch, [0] * partitions, None
        self._remembered = remembered

    def advance(self, positions: Mapping[int, int]) -> None:
        """Everything before these offsets is applied."""
        for number, offset in positions.items():
            if number >= len(self._offsets):  # only where nothing began
                self._offsets += [0] * (number + 1 - len(self._offsets))
            self._offsets[number] = offset
        self._made = None

    @property
    def remembered(self) -> timedelta:
        """For so long after a removal a subscriber can resume."""
        return self._remembered

    @property
    def now(self) -> float:
        """Seconds since 1970."""
        return self._clock()

    def cursor(self, tag: str) -> str:
        """The cursor of a subscriber that has received everything so far, as text."""
        minute = int(self._clock()) // _SECONDS
        if self._made is None or self._made[0] != minute:
            made = Cursor(self._epoch, minute, tuple(self._offsets))
            self._made = (minute, made.encode_offsets())
        return tagged(self._made[1], tag)

    def resume(self, cursor: Cursor, tag: str) -> Resume:
        """Whether a subscriber with this cursor can be sent only what is newer.

        `tag`: of the subscription that it asks for (cursor.tag_of).
        """
        age = self._clock() - cursor.minute * _SECONDS
        if cursor.epoch != self._epoch or age > self._remembered.total_seconds():
            return Resume.NEVER
        if cursor.tag != tag:
            return Resume.NEVER
        if len(cursor.offsets) > len(self._offsets):
            return Resume.NEVER
        is_reached = all(map(le, cursor.offsets, self._offsets))
        return Resume.NOW if is_reached else Resume.LATER

    def since(self, cursor: Cursor) -> list[int]:
        """The cursor's offset of each partition here; 0 of one that was added since."""
        return [*cursor.offsets, *[0] * (len(self._offsets) - len(cursor.offsets))]
