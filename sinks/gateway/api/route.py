"""`/v1/users/{aor}/route`: where a call to the user is sent, or why nowhere."""

from typing import Annotated, Any

from pydantic import Field

from schemas.codec import decode, encode
from schemas.presence import Presence
from sinks.gateway.access.redaction import Part
from sinks.gateway.api.call import JSON, TEXT, Answer, Call, Operation, Parameters
from sinks.gateway.api.documents import Unreachable
from sinks.gateway.api.scoped import ScopedUsers
from sinks.gateway.api.users import UserPath
from sinks.gateway.routing import dial_string
from sinks.gateway.routing.route import Routing, routing_of


class RouteQuery(Parameters):
    """Who asks."""

    profile: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,80}$")] | None = Field(
        None, description="Sofia profile of the calling FreeSWITCH; default: gateway.dial_profile."
    )
    asking: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        None,
        alias="from",
        description="The node that asks: its own users get a dial string of its directory.",
    )


async def _route(call: Call) -> Answer:
    users = ScopedUsers(call.gateway, call.identity.scope)
    message = users.find(call.path.aor)
    if message is None:
        return _nowhere(call, {"error": f"no presence of {call.path.aor}", "field": "aor"})
    presence = decode(Presence, message.value)
    if not presence.reachable or not presence.bindings:
        return _nowhere(call, _why(presence))
    routing = routing_of(
        presence,
        call.gateway.addresses,
        profile=call.query.profile or call.gateway.dial_profile,
        asking=call.query.asking,
    )
    if call.media_type == TEXT:
        # A user who is there, at nodes whose addresses nobody set.
        found = routing.dial_string or dial_string.NO_ROUTE
        return Answer(found.encode(), TEXT, 200 if routing.dial_string else 404)
    if not call.identity.scope.grants(Part.CONTACT):
        for route in routing.routes:
            route.contact = route.path = None
    return Answer(encode(routing))


def _why(presence: Presence) -> dict[str, Any]:
    return {
        "error": f"{presence.aor} is not reachable: {presence.cause}",
        "field": "aor",
        "status": presence.status,
        "cause": presence.cause,
        "at": presence.at,
    }


def _nowhere(call: Call, why: dict[str, Any]) -> Answer:
    """As text an endpoint that ends the call with the usual cause."""
    if call.media_type == TEXT:
        return Answer(dial_string.NOT_REGISTERED.encode(), TEXT, 404)
    return Answer(encode(why), JSON, 404)


ROUTE = Operation(
    method="GET",
    path="/v1/users/{aor}/route",
    name="getRoute",
    summary="Where to send a call to the user: best first, ready for each SIP server.",
    description="As text: the dial string alone, or one that ends the call at once.",
    handler=_route,
    path_parameters=UserPath,
    query=RouteQuery,
    answers={JSON: Routing, TEXT: str},
    errors={404: {JSON: Unreachable, TEXT: str}},
    text_error=dial_string.UNKNOWN,
)
