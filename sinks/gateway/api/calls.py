"""`/v1/calls`: asks for a call to an extension; the stage dialling makes it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated
from urllib.parse import quote

from pydantic import Field

from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from schemas.codec import encode
from schemas.dialling import EXTENSION, GATEWAY, KEY, NODE, NUMBER, DialCommand
from schemas.dialling import Milliseconds as DigitMilliseconds
from schemas.dialling import Seconds as DialSeconds
from schemas.vocabulary import DigitMethod, DigitTrigger
from sinks.gateway.access.identity import Identity
from sinks.gateway.api.call import JSON, Answer, Call, Operation, Parameters
from sinks.gateway.errors import Forbidden, TryElsewhere
from sinks.gateway.query import aor_in

KEY_MAX = 100


class CallRequest(Parameters):
    """What to call, and which digits to send when; what is missing: as dialling's settings."""

    key: Annotated[str, Field(pattern=KEY, max_length=KEY_MAX)] = Field(
        description="Idempotency key: this client's repeats within 24 h are one call."
    )
    user: str | None = Field(
        None, max_length=512, description="AOR rung first, where it is reachable; then bridged."
    )
    gateway: Annotated[str, Field(pattern=GATEWAY)] | None = Field(
        None, description="Sofia gateway that the number is called through."
    )
    node: Annotated[str, Field(pattern=NODE)] | None = Field(
        None, description="The FreeSWITCH that calls."
    )
    number: Annotated[str, Field(pattern=NUMBER)]
    extension: Annotated[str, Field(pattern=EXTENSION)] = Field(
        repr=False, description="The digits to send; no answer, log or event repeats them."
    )
    trigger: DigitTrigger | None = None
    pause_seconds: DialSeconds | None = None
    silence_seconds: DialSeconds | None = None
    at_most_seconds: DialSeconds | None = None
    digit_ms: DigitMilliseconds | None = None
    gap_ms: DigitMilliseconds | None = None
    method: DigitMethod | None = None


@dataclass(slots=True, kw_only=True)
class CallAsked:
    """The command is stored; the call itself may still be refused."""

    key: Annotated[str, Field(description="Key of the results in rollcall.dial-results.")]
    result: Annotated[str, Field(description="The path that answers how far the call has come.")]


async def _ask(call: Call) -> Answer:
    identity, asked = call.identity, call.body
    if not identity.scope.may_dial:
        raise Forbidden("this token may not dial")
    user = None
    if asked.user is not None:
        user = aor_in(asked.user, "user")
        identity.scope.check(user, "user")
    given = asked.model_dump(exclude={"key", "user"})
    command = DialCommand(
        key=key_of(identity, asked.key),
        client=identity.client,
        at=datetime.fromtimestamp(call.gateway.wall_now(), UTC),
        user=user,
        **given,
    )
    try:
        await asyncio.to_thread(call.gateway.ask_call, command)
    except (KafkaUnavailable, KafkaMisconfigured) as error:
        raise TryElsewhere("the command was not stored", reason="kafka") from error
    stored = CallAsked(key=command.key, result=f"/v1/dialled-calls/{quote(asked.key, safe='')}")
    return Answer(encode(stored), status=CALLS.status)


def key_of(identity: Identity, key: str) -> str:
    """The key of a client: another client's same key is another call."""
    return f"{sha256(identity.client.encode()).hexdigest()[:16]}:{key}"


CALLS = Operation(
    method="POST",
    path="/v1/calls",
    name="askCall",
    summary="Call a number and dial an extension there; needs a token that may dial.",
    description="202: the command is stored. How far the call is, `result` answers.",
    handler=_ask,
    body=CallRequest,
    answers={JSON: CallAsked},
    status=202,
)
