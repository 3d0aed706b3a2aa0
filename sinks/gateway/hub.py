"""Who watches which users, and which messages wait for whom: between reader and connections.

Pure: no I/O, no tasks. A subscriber's `wake` is called when its first message waits.

Invariants: at most one message of a user waits for a subscriber, the newest; versions of a user
only grow for a subscriber, until the user's removal is sent; the marker `live` comes after the
state of each watched user, as it was at the subscription or later; a cursor comes after everything
before its offsets.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sinks.gateway.cursor import Cursor, tag_of, view_in
from sinks.gateway.errors import BadQuery
from sinks.gateway.message import (
    Message,
    cursor_message,
    live_message,
    number_in,
)
from sinks.gateway.progress import Progress, Resume
from sinks.gateway.recent import RecentChanges, Removals
from sinks.gateway.roster import Group, Listing, Roster, is_newer
from sinks.gateway.subscriber import CURSOR, LIVE, Subscriber, Watch
from sinks.gateway.watchers import Watchers

# Removals are kept for longer than cursors are accepted: clocks differ.
_SPARE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class WatchChange:
    """How many users are watched more, and less; `resumed`: the added ones since a cursor."""

    added: int
    removed: int
    resumed: bool


class Hub:
    """The newest message of every user, and the subscribers. Not thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since 1970."""
        self.progress = Progress(clock)
        self._roster = Roster()
        self._recent = RecentChanges()
        self._removals = Removals()
        self.watchers = Watchers()
        self.coalesced = 0

    @property
    def users(self) -> int:
        return len(self._roster)

    def get(self, aor: str) -> Message | None:
        """The newest message of one user."""
        user = self._roster.get(aor)
        return user.newest if user else None

    # -- for the index ----------------------------------------------------------------------------
    @property
    def positions(self) -> int:
        """How many users there have been: each has a position below, and keeps it."""
        return len(self._roster.everybody.users)

    def position(self, aor: str) -> int:
        """A user's position, -1 of an unknown one."""
        user = self._roster.get(aor)
        return user.position if user else -1

    def at(self, position: int) -> Message | None:
        """The newest message of the user at a position; None where it was removed."""
        user = self._roster.everybody.users[position]
        return user.newest if user else None

    def newest(self) -> Iterator[Message]:
        """The newest message of every user."""
        return (user.newest for user in self._roster.everybody.users if user)

    # -- for the subscribers ----------------------------------------------------------------------
    def subscribe(
        self,
        watch: Watch,
        wake: Callable[[], None],
        cursor: Cursor | None = None,
        *,
        view: str = "",
    ) -> Subscriber:
        """A new subscriber; at least the marker `live` waits for it.

        Before it comes what is newer than the cursor or, without one that this hub can resume from,
        the present state. `view` names what is shown of the users: with another one than the
        cursor's there is no resuming.
        """
        tag = tag_of(watch.names, view)
        resumed = cursor is not None and self.progress.resume(cursor, tag) is Resume.NOW
        subscriber = Subscriber(watch, wake, view, tag, resumed)
        self.watchers.add(subscriber)
        since = self.progress.since(cursor) if cursor is not None and resumed else None
        self._list_groups(subscriber, since)
        self._list_users(subscriber, watch.single, since)
        if not subscriber.listings:
            self._mark_live(subscriber)
        return subscriber

    def _list_groups(self, subscriber: Subscriber, since: Sequence[int] | None) -> None:
        groups = self._groups(subscriber.watch)
        if since is None:
            subscriber.listings = [Listing(g, 0, len(g.users)) for g in groups if g.users]
            return
        if not groups:
            return
        for message in self._removals.since(since):
            if subscriber.watch.has_in_group(message.aor):
                subscriber.removed[message.aor] = message
        changed = self._recent.since(since)
        if changed is None or len(changed) > sum(len(group.users) for group in groups):
            subscriber.listings = [Listing(g, 0, len(g.users), since) for g in groups if g.users]
            return
        for user in changed:
            if subscriber.watch.has_in_group(user.newest.aor):
                subscriber.queue(user.newest, is_known=True)

    def _list_users(
        self, subscriber: Subscriber, aors: Iterable[str], since: Sequence[int] | None
    ) -> None:
        if since is not None and len(self._removals):
            for aor in aors:
                if (removal := self._removals.of(aor, since)) is not None:
                    subscriber.removed[aor] = removal
        is_known = since is not None
        for user in self._roster.known(aors):
            if since is None or is_newer(user.newest, since):
                subscriber.queue(user.newest, is_known=is_known)

    def _mark_live(self, subscriber: Subscriber) -> None:
        cursor = self.progress.cursor(subscriber.tag)
        subscriber.waiting[LIVE] = live_message(cursor, resumed=subscriber.resumed)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget the subscriber."""
        for name in self.watchers.remove(subscriber):
            self._roster.forget(name)

    def rewatch(
        self,
        subscriber: Subscriber,
        add: Sequence[str],
        remove: Sequence[str],
        cursor: Cursor | None,
        most: int,
    ) -> WatchChange:
        """Watch these users too, and those no more; the state of the added ones waits then.

        Of them only what is newer than the cursor, if there is one that this hub can resume from:
        the subscriber has them up to there. Raises BadQuery naming the field, and changes nothing:
        a user of a watched domain is removed, or more than `most` would be watched by name.
        """
        watch = subscriber.watch
        for number, aor in enumerate(remove):
            if watch.has_in_group(aor):
                raise BadQuery("a user that is watched with its domain", f"remove[{number}]")
        added = {aor for aor in add if aor not in watch.aors and not watch.has_in_group(aor)}
        removed = watch.aors & set(remove)
        aors = (watch.aors - removed) | added
        if added and len(aors) > most:
            raise BadQuery(f"{most} users at most can be watched by name", "add")
        resumed, since = False, None
        if cursor is not None and view_in(cursor.tag) == view_in(subscriber.tag):
            resumed = self.progress.resume(cursor, cursor.tag) is Resume.NOW
            since = self.progress.since(cursor) if resumed else None
        self.watchers.change(subscriber, added, removed)
        for aor in removed:
            subscriber.waiting.pop(aor, None)
            subscriber.removed.pop(aor, None)
        subscriber.watch = replace(watch, aors=aors, only_named=True)
        subscriber.tag = tag_of(subscriber.watch.names, subscriber.view)
        had_nothing = subscriber.has_nothing
        self._list_users(subscriber, added, since)
        if had_nothing and not subscriber.has_nothing:
            subscriber.wake()
        return WatchChange(len(added), len(removed), resumed)

    def queue(self, subscriber: Subscriber, key: str, message: Message) -> None:
        """Have a message sent that is about no user, after all that waits."""
        had_nothing = subscriber.has_nothing
        subscriber.waiting[key] = message
        if had_nothing:
            subscriber.wake()

    def take(self, subscriber: Subscriber, most: int) -> list[Message]:
        """Remove and return up to `most` (2 or more) waiting messages, the longest waiting first.

        Until the present state is sent, half of them are changes, so that neither waits for the end
        of the other. None may be returned though more wait: try again after others had their turn.
        """
        taken = subscriber.take_removed(most)
        is_listed = bool(subscriber.listings)
        taken += subscriber.take_waiting((most - len(taken)) // (2 if is_listed else 1))
        taken += subscriber.take_listed(most - len(taken))
        if is_listed and not subscriber.listings:
            self._mark_live(subscriber)
        taken += subscriber.take_waiting(most - len(taken))
        return taken

    def mark(self, subscriber: Subscriber) -> None:
        """Have the cursor of now sent, after everything that waits before it."""
        if not subscriber.is_live or CURSOR in subscriber.waiting:
            return
        self.queue(subscriber, CURSOR, self.cursor_of(subscriber))

    def cursor_of(self, subscriber: Subscriber) -> Message:
        """The message with the cursor of now, for a subscriber that nothing waits for."""
        return cursor_message(self.progress.cursor(subscriber.tag))

    # -- for the reader ---------------------------------------------------------------------------
    def change(self, message: Message) -> bool:
        """Apply a presence record; no effect, and False, unless its version is newer."""
        user = self._roster.get(message.aor)
        was_reachable = user is not None and user.newest.facts.reachable
        if user is None:
            user = self._roster.add(message)
        elif message.version <= user.newest.version:
            return False
        else:
            message.aor = user.newest.aor  # one text for all records of the user
            if number_in(user.newest.place) != number_in(message.place):
                self._recent.remove(user)
            user.newest = message
        self._recent.add(user)
        for subscriber in self.watchers.of(user.newest.aor):
            if subscriber.listings and subscriber.will_reach(user):
                continue
            had_nothing = subscriber.has_nothing
            self.coalesced += message.aor in subscriber.waiting
            subscriber.queue(message, is_known=was_reachable)
            if had_nothing and not subscriber.has_nothing:
                subscriber.wake()
        return True

    def remove(self, message: Message) -> None:
        """Apply a removal: another record, of any version, may come later."""
        self._removals.add(message)
        user = self._roster.remove(message.aor)
        if user is None:
            return
        self._recent.remove(user)
        for subscriber in self.watchers.of(user.newest.aor):
            if not subscriber.resumed and subscriber.listings and subscriber.will_reach(user):
                continue  # it does not know the user
            had_nothing = subscriber.has_nothing
            self.coalesced += subscriber.waiting.pop(message.aor, None) is not None
            subscriber.removed[message.aor] = message
            if had_nothing:
                subscriber.wake()

    def advance(self, positions: Mapping[int, int]) -> None:
        """Everything before these offsets, by partition, is applied."""
        self.progress.advance(positions)
        kept = self.progress.remembered + _SPARE
        self._removals.forget(self.progress.now - kept.total_seconds())

    def _groups(self, watch: Watch) -> list[Group]:
        if watch.everybody:
            return [self._roster.everybody]
        return [self._roster.domain(name) for name in sorted(watch.domains)]
