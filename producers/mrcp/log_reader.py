"""The MRCP server's log → what to publish, from the checkpoint of an earlier run on.

Reads in the stage's thread. Times are the log's while there is something to read, and this host's
at its end: a session whose end is the next entry is not too long.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from producers.mrcp.checkpoint import Checkpoint
from producers.mrcp.listener import Listener
from producers.mrcp.local_time import LocalTimes
from producers.mrcp.log_entries import LogEntries, LogEntry
from producers.mrcp.log_events import LogEvents
from producers.mrcp.log_files import LogFiles, Place
from producers.mrcp.message import NotMrcp
from producers.mrcp.requests import Change
from producers.mrcp.translation import Context, mark, speech_record
from producers.translated import Translated
from runtime import logs
from schemas.codec import InvalidRecord
from schemas.vocabulary import NodeKind

log = logs.get(__name__)

# Between two looks at what time alone shows, while there is something to read.
_ADVANCE = timedelta(seconds=0.5)
Refuse = Callable[[bytes, str, str | None], None]


class LogReader:
    """`refuse` takes what cannot be used: payload, reason, field."""

    def __init__(
        self,
        files: LogFiles,
        times: LocalTimes,
        listener: Listener,
        context: Context,
        refuse: Refuse,
    ) -> None:
        self._files = files
        self._times = times
        self._listener = listener
        self._context = context
        self._refuse = refuse
        self._events: LogEvents[Place] = LogEvents()
        self._entries = LogEntries()
        self._start: Place | None = None  # of the bytes that `_entries` has got
        self._published: Place | None = None  # of an earlier run, until it is reached
        self._logged: datetime | None = None
        self._advanced: datetime | None = None
        self._is_up = False
        self.count = 0

    def resume(self, checkpoint: Checkpoint | None) -> None:
        """Go on where an earlier run has published to."""
        if checkpoint is None:
            return
        self._context.boot, self._context.seq = checkpoint.boot, checkpoint.seq
        if self._files.resume(checkpoint.since):
            self._published = checkpoint.published
        elif not self._files.resume(checkpoint.published):
            self._files.gaps += 1
            log.error("the log that was read last is gone: entries are lost", node=self.node)
            return
        self._start = self._files.place

    @property
    def node(self) -> str:
        return self._context.node

    def read(self) -> list[Translated] | None:
        """The records of the next piece of the log; None at its end. Raises OSError."""
        before = self._files.place
        data, is_first = self._files.read()
        if is_first and data:
            if self._published and before and before.inode == self._published.inode:
                self._published = None  # the next file is new, all of it
            self._entries, self._start = LogEntries(), None
        if not data:
            self._published = None if before is not None else self._published
            return None
        if self._start is None:
            place = self._files.place
            assert place is not None
            self._start = Place(place.inode, place.head, place.offset - len(data))
        return list(self._records(data))

    def tick(self, now: datetime) -> list[Translated]:
        """What time alone shows, at the end of the log."""
        records = self._translated(self._events.advance(now))
        if self._listener.is_lost(now, self._logged):
            records += self._translated(self._events.server_lost(now))
            if self._is_up:
                self._is_up = False
                records.append(mark(NodeKind.DOWN, self._context, now, "nobody listens"))
        elif self._files.is_open and self._listener.is_there is not False:
            kind = NodeKind.HEARTBEAT if self._is_up else NodeKind.UP
            self._is_up = True
            records.append(mark(kind, self._context, now))
        return records

    def checkpoint(self) -> Checkpoint | None:
        """As of what `read` has returned; None before anything was read."""
        if self._start is None or self._published is not None:
            return None
        place = self._place()
        since = self._events.oldest or place
        return Checkpoint(since, place, self._context.boot, self._context.seq)

    def status(self) -> dict[str, Any]:
        """For /status."""
        return {
            "node": self.node,
            "boot": self._context.boot,
            "up": self._is_up,
            "open": self._files.is_open,
            "entries": self.count,
            "sessions": len(self._events.requests.live),
            "turns": self._files.turns,
            "gaps": self._files.gaps,
        }

    def _records(self, data: bytes) -> Iterator[Translated]:
        place = self._place()
        for entry in self._entries.feed(data):
            at = self._times.utc(entry.at)
            started = self._events.started
            records = self._translated(self._changes(entry, at, place))
            if self._events.started is not started:  # what ended was the process' before
                self._context.started(at)
                self._is_up = False
            self.count += 1
            self._logged, place = at, self._place()
            if not self._is_old():
                yield from records

    def _changes(self, entry: LogEntry, at: datetime, place: Place) -> Iterator[Change]:
        try:
            yield from self._events.read(entry, at, place)
        except NotMrcp as error:
            if not self._is_old():  # spoken words may be in it: its first line only
                self._refuse(entry.data.partition(b"\r\n")[0][:80], str(error), None)
        if self._advanced is None or not timedelta(0) <= at - self._advanced < _ADVANCE:
            self._advanced = at
            yield from self._events.advance(at)

    def _is_old(self) -> bool:
        """Whether the entry just read was published by an earlier run."""
        if self._published is None:
            return False
        place = self._place()
        if place.inode == self._published.inode and place.offset > self._published.offset:
            self._published = None
            return False
        return True

    def _place(self) -> Place:
        """Behind the last entry that was used up."""
        assert self._start is not None
        place = self._files.place
        head = place.head if place is not None else self._start.head
        return Place(self._start.inode, head, self._start.offset + self._entries.taken)

    def _translated(self, changes: Iterable[Change]) -> list[Translated]:
        records = []
        for change in changes:
            try:
                records.append(speech_record(change, self._context))
            except InvalidRecord as error:
                self._refuse(change[0].channel.encode()[:255], error.reason, error.field)
        return records
