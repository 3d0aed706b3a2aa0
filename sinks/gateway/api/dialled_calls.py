"""`/v1/dialled-calls/{key}`: how far a call has come that this client asked for."""

from typing import Annotated

from pydantic import Field

from schemas.dialling import KEY, DialResult
from sinks.gateway.access.identity import Identity
from sinks.gateway.api.call import JSON, Answer, Call, Operation, Parameters
from sinks.gateway.api.calls import KEY_MAX, key_of
from sinks.gateway.api.documents import Error
from sinks.gateway.errors import Forbidden, TryElsewhere, UnknownCall


class DialledCallPath(Parameters):
    """A call by its idempotency key."""

    key: Annotated[str, Field(pattern=KEY, max_length=KEY_MAX)] = Field(
        description="The `key` that POST /v1/calls was sent with."
    )


async def _result(call: Call) -> Answer:
    """Another client's same key is another call: nobody sees what another one asked for."""
    identity: Identity = call.identity
    if not identity.scope.may_dial:
        raise Forbidden("this token may not dial")
    if not call.gateway.calls.is_read:
        raise TryElsewhere("still reading calls", reason="starting")
    found = call.gateway.dialled.get(key_of(identity, call.path.key))
    if found is None:
        raise UnknownCall(f"no result of a call with the key {call.path.key}", "key")
    return Answer(found)


DIALLED_CALL = Operation(
    method="GET",
    path="/v1/dialled-calls/{key}",
    name="getDialledCall",
    summary="How far a call has come that was asked for; kept for 24 h.",
    description="404 also until the dialling stage has read the command.",
    handler=_result,
    path_parameters=DialledCallPath,
    answers={JSON: DialResult},
    errors={404: {JSON: Error}},
)
