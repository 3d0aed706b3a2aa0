"""What a subscriber sends on an open WebSocket: users to watch from now on, and to watch no more.

A command is a JSON object: `{"add": [AOR…], "remove": [AOR…], "cursor": "…", "id": …}`. Each is
done whole or not at all, and answered once; an error ends nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from sinks.gateway.access.scope import Scope
from sinks.gateway.cursor import Cursor, cursor_in
from sinks.gateway.errors import BadQuery, Refused
from sinks.gateway.feed import Feed
from sinks.gateway.hub import Hub
from sinks.gateway.message import Message, answer_message
from sinks.gateway.query import aor_in

_FIELDS = frozenset({"add", "remove", "cursor", "id"})
_ID_MAX = 100
# A subscriber's users a second: to read and look up a thousand takes some milliseconds, in which
# nobody else is served.
_USERS_PER_SECOND = 20_000
_decode = msgspec.json.Decoder().decode
Id = str | int | None


@dataclass(frozen=True, slots=True)
class Command:
    """Canonical AORs; `cursor`: of the added ones only what is newer is wanted."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    cursor: Cursor | None = None


def content_in(text: str | None) -> dict[str, Any]:
    """The object in a message. Raises BadQuery for anything else."""
    try:
        content = _decode(text or "")
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
        raise BadQuery(f"no JSON: {error}"[:200], "message") from error
    if not isinstance(content, dict):
        raise BadQuery("no JSON object", "message")
    return content


def id_in(content: dict[str, Any]) -> Id:
    """The command's own id, which its answer repeats. Raises BadQuery."""
    found = content.get("id")
    if found is None or (type(found) is int and abs(found) < 2**53):
        return found
    if isinstance(found, str) and len(found) <= _ID_MAX:
        return found
    raise BadQuery(f"neither a whole number nor a text of {_ID_MAX} characters or less", "id")


def command_in(content: dict[str, Any], scope: Scope) -> Command:
    """The command. Raises BadQuery, Forbidden, which name the field, as `add[2]`."""
    for name in content:
        if name not in _FIELDS:
            raise BadQuery(f"no such field: there are {', '.join(sorted(_FIELDS))}", name[:80])
    if not content.keys() & {"add", "remove"}:
        raise BadQuery("neither add nor remove", "message")
    add = _users(content.get("add", []), "add")
    for number, aor in enumerate(add):
        scope.check(aor, f"add[{number}]")
    remove = _users(content.get("remove", []), "remove")
    if both := set(add) & set(remove):
        raise BadQuery("a user that is to be added too", f"remove[{remove.index(both.pop())}]")
    cursor = content.get("cursor")
    if cursor is not None and not isinstance(cursor, str):
        raise BadQuery("no text", "cursor")
    return Command(add, remove, cursor_in(cursor) if cursor else None)


def _users(value: Any, field: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise BadQuery("no list of AORs", field)
    found = []
    for number, one in enumerate(value):
        name = f"{field}[{number}]"
        if not isinstance(one, str):
            raise BadQuery("no text", name)
        found.append(aor_in(one, name))
    return tuple(found)


class Commands:
    """Handles the commands of one connection, one after the other."""

    def __init__(
        self,
        hub: Hub,
        feed: Feed,
        scope: Scope,
        watched_max: int,
        check_room: Callable[[int], None],
    ) -> None:
        """`check_room` raises TryElsewhere where so many more users cannot be watched here."""
        self._hub = hub
        self._feed = feed
        self._scope = scope
        self._watched_max = watched_max
        self._check_room = check_room

    async def handle(self, text: str | None) -> None:
        """Do what a message asks for; returns when its answer was sent, or the feed ended.

        So a subscriber that does not read its answers cannot make them pile up.
        """
        id_: Id = None
        users: Sequence[str] = ()
        try:
            content = content_in(text)
            id_ = id_in(content)
            command = command_in(content, self._scope)
            users = command.add + command.remove
            answer = self._do(command, id_)
        except Refused as refusal:
            answer = answer_message(
                {"event": "error", "id": id_, "field": refusal.field, "error": str(refusal)}
            )
        await self._feed.answer(answer)
        await asyncio.sleep(len(users) / _USERS_PER_SECOND)

    def _do(self, command: Command, id_: Id) -> Message:
        subscriber = self._feed.subscriber
        self._check_room(len(command.add))
        change = self._hub.rewatch(
            subscriber, command.add, command.remove, command.cursor, self._watched_max
        )
        content: dict[str, Any] = {
            "event": "watching",
            "id": id_,
            "added": change.added,
            "removed": change.removed,
            "watched": len(subscriber.watch.aors),
        }
        if command.add:
            content["resumed"] = change.resumed
        return answer_message(content)
