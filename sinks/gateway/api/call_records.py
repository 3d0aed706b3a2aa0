"""`/v1/calls` and `/v1/calls/{id}`: the calls in which users of the token take part."""

from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.call_record import CallRecord
from schemas.codec import encode
from sinks.gateway.access.scope import Scope
from sinks.gateway.api.call import JSON, Answer, Call, Operation, Parameters
from sinks.gateway.api.call_cursor import CallCursor, cursor_after
from sinks.gateway.api.documents import Error
from sinks.gateway.api.parameters import CanonicalAor, Number
from sinks.gateway.calls.known import KnownCalls, places_of, position_of
from sinks.gateway.calls.stored import StoredCall
from sinks.gateway.errors import TryElsewhere, UnknownCall

LIMIT_MAX = 200


class Openness(StrEnum):
    """Whether a call is live."""

    OPEN = "open"
    ENDED = "ended"


class CallPath(Parameters):
    """A call in a path."""

    id: str = Field(min_length=1, max_length=255, description="`id` of the record.")


class CallsQuery(Parameters):
    """Which calls a list has."""

    aor: CanonicalAor | None = Field(None, description="In which this user takes part.")
    state: Openness | None = Field(None, description="Those that are live, or those that ended.")
    limit: Number = Field(50, ge=1, le=LIMIT_MAX, description="Calls a page, at most.")
    cursor: CallCursor | None = Field(None, description="`next` of the page before.")


@dataclass
class CallPage:
    """Some calls of a list, the newest first."""

    calls: list[CallRecord]
    complete: Annotated[bool, Field(description="false: more calls came than this gateway keeps.")]
    next: Annotated[str | None, Field(description="The next page's `cursor`; null: there is none.")]


class ScopedCalls:
    """The calls of one gateway within one scope: those in which one of its users takes part."""

    def __init__(self, calls: KnownCalls, scope: Scope) -> None:
        """Raises TryElsewhere until the calls are read."""
        if not calls.is_read:
            raise TryElsewhere("still reading calls", reason="starting")
        self._calls, self._scope = calls, scope

    def get(self, id_: str) -> StoredCall:
        """Raises UnknownCall: there is none, or none that the scope shows."""
        call = self._calls.get(id_)
        if call is None or not any(map(self._scope.allows, call.users)):
            raise UnknownCall(f"no call {id_}", "id")
        return call

    def listed(self, asked: CallsQuery) -> Iterator[StoredCall]:
        """Raises Forbidden where the user asked for is outside the scope."""
        states = (True, False) if asked.state is None else (asked.state is Openness.OPEN,)
        return self._calls.listed(self._places(asked.aor), states, asked.cursor)

    def _places(self, aor: str | None) -> list[str]:
        if aor is not None:
            self._scope.check(aor)
            return [aor]
        return places_of(self._scope)


async def _call(call: Call) -> Answer:
    scope = call.identity.scope
    return Answer(scope.shown_call(ScopedCalls(call.gateway.calls, scope).get(call.path.id).value))


async def _list(call: Call) -> Answer:
    scope, calls, asked = call.identity.scope, call.gateway.calls, call.query
    found = list(islice(ScopedCalls(calls, scope).listed(asked), asked.limit + 1))
    is_more = len(found) > asked.limit
    cursor = cursor_after(position_of(found[asked.limit - 1])) if is_more else None
    records = b",".join(scope.shown_call(one.value) for one in found[: asked.limit])
    complete = b"false" if calls.dropped else b"true"
    page = b'{"calls":[%b],"complete":%b,"next":%b}' % (records, complete, encode(cursor))
    return Answer(page)


CALL = Operation(
    method="GET",
    path="/v1/calls/{id}",
    name="getCall",
    summary="One call: its legs on all nodes, how it went, and who ended it.",
    handler=_call,
    path_parameters=CallPath,
    answers={JSON: CallRecord},
    errors={404: {JSON: Error}},
)
CALLS = Operation(
    method="GET",
    path="/v1/calls",
    name="listCalls",
    summary="Calls that are live or ended lately, a page at a time.",
    description="The newest first. Of users whom the token does not show only what it grants.",
    handler=_list,
    query=CallsQuery,
    answers={JSON: CallPage},
)
OPERATIONS = (CALL, CALLS)
