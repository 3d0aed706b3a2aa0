"""One page's connection: sends the rows it shows, the counts, and the user it has opened.

What a page has once asked for is pushed when it changes. While a page takes what was sent, later
changes are not queued: it gets the newest state next.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from msgspec import json

from schemas.phrases import CAUSES
from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.board.board import Board
from sinks.gateway.board.calls import Stamp
from sinks.gateway.board.request import Request, Selection
from sinks.gateway.board.row import Row
from sinks.gateway.board.view import View
from sinks.gateway.feed import End
from sinks.gateway.message import Message

# Rows are pushed so often at most, counts at most so often and at least so often.
ROWS_SECONDS = 0.05
# After a list was made, the page waits for as long as that took, but not longer, for another one:
# it cannot keep the gateway busy.
REST_MOST_SECONDS = 2.0
SUMMARY_SECONDS = 0.5
SUMMARY_MOST_SECONDS = 2.0


class BoardFeed:
    """Belongs to the event loop. `send` returns when the connection took the text."""

    # The server pings a WebSocket.
    wants_keep_alives = False
    # Nothing is queued: see above.
    waiting = 0

    def __init__(
        self,
        board: Board,
        scope: Scope,
        send: Callable[[str], Awaitable[None]],
        *,
        client: Any = None,
        expires_at: float | None = None,
    ) -> None:
        """`client` identifies the connection to the server; `expires_at`: when its token expires,
        seconds since the epoch."""
        self.client, self.expires_at = client, expires_at
        self._board, self._scope, self._send = board, scope, send
        self._with_devices = scope.grants(Part.USER_AGENT)
        self._clock = asyncio.get_running_loop().time
        self._woken, self._asked = asyncio.Event(), asyncio.Event()
        self._request: Request | None = None
        self._view: View | None = None
        self._list_after = 0.0
        # What the page has: the request answered, the rows, the user's message, the counts.
        self._shown: tuple[int, int, int] | None = None
        self._rows: list[Row] = []
        self._user: tuple[str, Message | None, Stamp] | None = None
        self._summary_at, self._summary_changes = 0.0, -1
        # When the send under way began (None: there is none), and when the last one ended.
        self.sending_since: float | None = None
        self.quiet_since = self._clock()
        self.due_at = 0.0
        self.ended: End | None = None

    def ask(self, request: Request) -> None:
        """What the page shows from now on."""
        self._request = request
        self._asked.set()
        self._woken.set()

    def end(self, cause: End) -> None:
        """The first cause counts."""
        self.ended = self.ended or cause
        self._asked.set()
        self._woken.set()

    def keep_alive_due(self) -> None:
        """Nothing: see `wants_keep_alives`."""

    def check_cursor(self, now: float) -> float:
        """Nothing: a page that reconnects asks for what it shows. It is checked each time."""
        return now

    async def run(self) -> End:
        """Until `end` is called."""
        self._board.listeners.add(self._heard)
        try:
            await self._push({"hello": self._hello()})
            while self.ended is None:
                self._woken.clear()
                self._asked.clear()
                await self._step()
                await self._wait()
        finally:
            self._board.listeners.discard(self._heard)
            self._leave()
        return self.ended

    def _heard(self, aor: str | None) -> None:
        if aor is None or (self._request is not None and aor == self._request.user):
            self._woken.set()

    async def _wait(self) -> None:
        """Until there is something to send; not sooner than ROWS_SECONDS, unless the page asks."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._asked.wait(), ROWS_SECONDS)
        await self._woken.wait()

    async def _step(self) -> None:
        """Send what has changed."""
        if (request := self._request) is not None:
            await self._show_rows(request)
            await self._show_user(request)
        await self._show_summary()

    # -- rows -------------------------------------------------------------------------------------
    async def _show_rows(self, request: Request) -> None:
        view = await self._view_of(request.selection)
        rows = view.window(request.start, request.count)
        shown = request.id, request.start, len(view)
        if shown == self._shown and _are_same(rows, self._rows):
            return
        known = {id(row) for row in self._rows}
        sent = [row.aor if id(row) in known else self._row(row) for row in rows]
        self._shown, self._rows = shown, rows
        frame = {"id": request.id, "start": request.start, "total": len(view), "rows": sent}
        await self._push({"rows": frame})

    async def _view_of(self, selection: Selection) -> View:
        if self._view is None or self._view.selection != selection:
            self._leave()
            await asyncio.sleep(self._list_after - self._clock())
            began = self._clock()
            self._view = await self._board.view(selection, self._scope)
            took = self._clock() - began
            self._list_after = began + took + min(took, REST_MOST_SECONDS)
            self._view.listeners.add(self._woken.set)
        return self._view

    def _leave(self) -> None:
        if self._view is not None:
            self._view.listeners.discard(self._woken.set)
            self._board.leave(self._view)
            self._view = None

    def _row(self, row: Row) -> dict[str, Any]:
        facts = row.facts
        return {
            "aor": row.aor,
            "version": row.version,
            "status": facts.status,
            "reachable": facts.reachable,
            "confidence": facts.confidence,
            "cause": row.cause,
            "at": row.at,
            "nodes": facts.nodes,
            "edges": facts.edges,
            "bindings": len(row.devices),
            "devices": row.devices if self._with_devices else None,
            "flaps": row.flaps,
        }

    # -- the user that is open, and the counts ----------------------------------------------------
    async def _show_user(self, request: Request) -> None:
        aor = request.user
        if aor is None:
            self._user = None
            return
        shown = aor, self._board.message(aor), self._board.calls_stamp(aor)
        # Messages are compared by identity.
        if self._user == shown:
            return
        self._user = shown
        found = self._board.explain(aor, self._scope)
        await self._push({"user": {"aor": aor, "explanation": found}})

    async def _show_summary(self) -> None:
        since = self._clock() - self._summary_at
        changes = self._board.changes
        if since < SUMMARY_SECONDS or (
            changes == self._summary_changes and since < SUMMARY_MOST_SECONDS
        ):
            return
        self._summary_at, self._summary_changes = self._clock(), changes
        await self._push({"summary": self._board.summary(self._scope)})

    def _hello(self) -> dict[str, Any]:
        return {
            "causes": CAUSES,
            "history": self._board.history(self._scope),
            "everybody": self._scope.everybody,
            "parts": sorted(self._scope.parts),
        }

    async def _push(self, frame: dict[str, Any]) -> None:
        self.sending_since = self._clock()
        await self._send(json.encode(frame).decode())
        self.sending_since = None
        self.quiet_since = self._clock()


def _are_same(rows: list[Row], others: list[Row]) -> bool:
    return len(rows) == len(others) and all(map(lambda a, b: a is b, rows, others))
