"""What a request for a stream asks for, checked and admitted: between its route and its feed."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from sinks.gateway.access.identity import Identity
from sinks.gateway.cursor import Cursor
from sinks.gateway.gateway import Gateway
from sinks.gateway.query import cursor_of, fields_in, watch_of
from sinks.gateway.request_checks import identify_stream
from sinks.gateway.subscriber import Watch
from sinks.gateway.view import View, fields_of


@dataclass(frozen=True, slots=True)
class Subscription:
    """Who asks, whom it watches, what it sees of them, and from where on.

    `only_cursors`: no event has another id than a cursor. Otherwise records have their own, and a
    cursor follows each time, so that the last id is one.
    """

    identity: Identity
    watch: Watch
    view: View
    cursor: Cursor | None
    only_cursors: bool


async def subscription_of(gateway: Gateway, connection: HTTPConnection) -> Subscription:
    """The subscription, when it may begin; raises Refused."""
    asked = await identify_stream(gateway, connection)
    scope, fields = asked.identity.scope, fields_in(asked.query)
    watch = scope.narrowed(watch_of(fields, gateway.watched_max))
    view = View(scope.parts, fields_of(fields))
    cursor = cursor_of(fields, connection.headers)
    gateway.check_state()
    await gateway.reach(cursor)
    gateway.admit(asked.identity, watch)
    return Subscription(asked.identity, watch, view, cursor, "cursor" in fields)
