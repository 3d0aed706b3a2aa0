"""The rows of all users, and the lists made of them, which pages that ask the same share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from sinks.gateway.access.scope import Scope
from sinks.gateway.board.request import Selection
from sinks.gateway.board.row import Row, row_of
from sinks.gateway.board.texts import Texts
from sinks.gateway.board.view import Pause, View
from sinks.gateway.hub import Hub
from sinks.gateway.message import domain_of

# Rows made between two looks at the clock.
_STEP = 128
# Rows and lists that nobody watches are kept for so long: a page that is loaded again needs them.
KEPT_SECONDS, VIEW_KEPT_SECONDS = 300.0, 20.0
# So many lists are kept that nobody watches: each costs memory, and time with each change.
MOST_UNUSED = 4


@dataclass(slots=True)
class _Shared:
    """A list, how many pages have it, and since when none has it."""

    view: View
    building: "asyncio.Task[None]"
    pages: int = 0
    unused_since: float | None = None


class Rows:
    """Belongs to the event loop."""

    def __init__(self, hub: Hub, flaps: Callable[[str], int]) -> None:
        """`flaps` returns how often a user became unreachable within the last hour."""
        self._hub = hub
        self._flaps = flaps
        # By domain and AOR: what a viewer of some domains asks never takes time with the others.
        self._rows: dict[str, dict[str, Row]] = {}
        self._texts = Texts(self._rows)
        self._loading: asyncio.Task[None] | None = None
        self._removed: set[str] = set()
        self._views: dict[tuple[Selection, Scope], _Shared] = {}
        self._unwatched_since: float | None = None

    # -- changes ----------------------------------------------------------------------------------
    def change(self, row: Row) -> None:
        """A user's row is new or has changed."""
        if self._loading is not None:
            self._removed.discard(row.aor)
            self._put(self._get(row.aor), row)

    def remove(self, aor: str) -> None:
        """A user is gone."""
        if self._loading is not None:
            if not self._loading.done():
                self._removed.add(aor)
            if (old := self._rows.get(domain_of(aor), {}).pop(aor, None)) is not None:
                self._texts.forget(domain_of(aor))
                for shared in self._views.values():
                    shared.view.change(old, None)

    def set_flaps(self, aor: str) -> None:
        """A user has fewer flaps than before."""
        if (old := self._get(aor)) is not None:
            new = Row(
                old.aor,
                old.text,
                old.version,
                old.facts,
                old.cause,
                old.at,
                old.devices,
                self._flaps(aor),
            )
            self._put(old, new)

    def _put(self, old: Row | None, new: Row) -> None:
        domain = domain_of(new.aor)
        self._rows.setdefault(domain, {})[new.aor] = new
        self._texts.note(new, domain, is_new=old is None)
        for shared in self._views.values():
            shared.view.change(old, new)

    def _get(self, aor: str) -> Row | None:
        return self._rows.get(domain_of(aor), {}).get(aor)

    async def _build(self, view: View, selection: Selection, scope: Scope) -> None:
        """Fill a view with the rows that the viewer may see and that may be selected."""
        found = None
        if selection.words and (scope.everybody or not scope.aors):
            domains = self._rows if scope.everybody else scope.domains
            found = await self._texts.having(selection.words, domains, Pause())
        await view.build(self._within(scope) if found is None else found)

    def _within(self, scope: Scope) -> list[Row]:
        """The rows that a viewer may see."""
        if scope.everybody:
            return [row for rows in self._rows.values() for row in rows.values()]
        found = [row for name in scope.domains for row in self._rows.get(name, {}).values()]
        alone = (aor for aor in scope.aors if domain_of(aor) not in scope.domains)
        return found + [row for aor in alone if (row := self._get(aor)) is not None]

    # -- lists ------------------------------------------------------------------------------------
    async def view(self, selection: Selection, scope: Scope) -> View:
        """The list of a selection, complete. Each call needs a call of `leave`."""
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        await asyncio.shield(self._loading)
        key = selection, scope
        if (shared := self._views.get(key)) is None:
            view = View(selection, scope)
            building = asyncio.create_task(self._build(view, selection, scope))
            shared = self._views[key] = _Shared(view, building)
        shared.pages += 1
        try:
            await asyncio.shield(shared.building)
        except BaseException:
            self.leave(shared.view)
            raise
        return shared.view

    def leave(self, view: View) -> None:
        """One page fewer needs the list."""
        for shared in self._views.values():
            if shared.view is view:
                shared.pages -= 1

    def expire(self, now: float, *, is_watched: bool) -> None:
        """Drop what nobody has needed for a while; `now` in seconds."""
        for shared in self._views.values():
            if shared.pages:
                shared.unused_since = None
            elif shared.unused_since is None:
                shared.unused_since = now
        unused = [key for key, shared in self._views.items() if shared.unused_since is not None]
        for number, key in enumerate(unused):
            shared = self._views[key]
            is_old = now - (shared.unused_since or now) > VIEW_KEPT_SECONDS
            if is_old or number < len(unused) - MOST_UNUSED:
                shared.building.cancel()
                del self._views[key]
        if is_watched or self._loading is None:
            self._unwatched_since = None
        elif self._unwatched_since is None:
            self._unwatched_since = now
        elif now - self._unwatched_since > KEPT_SECONDS and not self._views:
            self._loading.cancel()
            self._loading, self._rows, self._removed = None, {}, set()
            self._texts = Texts(self._rows)

    async def _load(self) -> None:
        """Read the rows of all users, in slices; changes meanwhile are newer."""
        pause, rows, removed, texts = Pause(), self._rows, self._removed, self._texts
        for number, message in enumerate(list(self._hub.newest())):
            aor, domain = message.aor, message.domain
            if (of_domain := rows.get(domain)) is None:
                of_domain = rows[domain] = {}
            if aor not in of_domain and aor not in removed:
                row = of_domain[aor] = row_of(message, flaps=self._flaps(aor))
                # No text is made before all rows are there.
                texts.note(row, domain, is_new=False)
            if number % _STEP == 0:
                await pause()
        removed.clear()
