"""`/v1/users/{aor}/explain`: why one user is shown as it is, as the board explains it."""

from schemas.codec import encode
from sinks.gateway.api.call import JSON, Answer, Call, Operation
from sinks.gateway.api.documents import Error
from sinks.gateway.api.users import UserPath
from sinks.gateway.board.explanation import Explanation
from sinks.gateway.errors import UnknownUser


async def _explain(call: Call) -> Answer:
    found = call.gateway.board.explain(call.path.aor, call.identity.scope)
    if found is None:
        raise UnknownUser(f"no presence of {call.path.aor}", "aor")
    return Answer(encode(found))


EXPLAIN = Operation(
    method="GET",
    path="/v1/users/{aor}/explain",
    name="explainUser",
    summary="Why the user is shown as it is: in words, with evidence and the states before.",
    description="From what this gateway has: `rollcall explain` reads the whole log.",
    handler=_explain,
    path_parameters=UserPath,
    answers={JSON: Explanation},
    errors={404: {JSON: Error}},
)
