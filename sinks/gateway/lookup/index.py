"""The directory and the reverse look-up, kept in step with the hub's users."""

from collections.abc import Iterator

from sinks.gateway.hub import Hub
from sinks.gateway.lookup.directory import Directory
from sinks.gateway.lookup.places import Places
from sinks.gateway.message import Message

# Users whose bindings are hashed at once: other work waits for less than a millisecond.
_SLICE = 40


class Index:
    """Belongs to the event loop. `change` follows each change of the hub.

    Reading the topic is faster without it, so the directory begins with `open`, and the reverse
    look-up, which costs as much as reading, with the first who asks for it.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._directory: Directory | None = None
        self._places: Places | None = None
        self._next = 0

    @property
    def directory(self) -> Directory:
        """Of the users known now."""
        self.open()
        assert self._directory is not None
        return self._directory

    def open(self) -> None:
        """List the users known so far, if that was not done before."""
        if self._directory is None:
            self._directory = Directory()
            self._directory.build(self._hub.newest())

    @property
    def places(self) -> Places:
        """Complete once `hash_some` returns False."""
        if self._places is None:
            self._places = Places()
        return self._places

    def hash_some(self) -> bool:
        """Hash the next users for the reverse look-up; whether more are left."""
        places, end = self.places, self._hub.positions
        last = min(self._next + _SLICE, end)
        for position in range(self._next, last):
            if (message := self._hub.at(position)) is not None:
                places.change(None, message, position)
        self._next = last
        return last < end

    def change(self, old: Message | None, new: Message | None, position: int) -> None:
        """The user at this position of the hub has come, changed, or gone."""
        if self._directory is not None:
            self._directory.change(old, new)
        if self._places is not None and position < self._next:
            self._places.change(old, new, position)

    def at_key(self, key: int, after: str | None, domain: str | None) -> Iterator[Message]:
        """Messages of users who may have a key of the reverse look-up (`Places.positions`)."""
        for position in self.places.positions(key, after, domain):
            if (message := self._hub.at(position)) is not None:
                yield message
