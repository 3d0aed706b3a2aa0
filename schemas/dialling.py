"""rollcall.dial-commands and rollcall.dial-results: calls to make, and how far each has come."""

from dataclasses import dataclass as plain
from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Aor, Identifier, Text
from schemas.vocabulary import DialOutcome, DialState, DialStepKind, DigitMethod, DigitTrigger

# Refused rather than escaped: these characters mean nothing in a dial string of FreeSWITCH, so
# nothing else of a command is ever written into one.
KEY = r"^[A-Za-z0-9_.:-]{1,128}$"
NUMBER = r"^\+?[0-9]{1,32}$"
EXTENSION = r"^[0-9A-D*#]{1,32}$"
GATEWAY = r"^[A-Za-z0-9_.-]{1,64}$"
NODE = r"^[A-Za-z0-9_.:\-]{1,64}$"

Seconds = Annotated[float, Field(ge=0, le=120)]
Milliseconds = Annotated[int, Field(ge=50, le=2000)]


@dataclass(config=RECORD, slots=True, kw_only=True)
class DialCommand:
    """One call to make: whom, through what, and which digits when. null: as the settings have it.

    It holds the extension in clear, which may be a secret: the topic is kept for an hour, and no
    other record has it.
    """

    key: Annotated[
        str,
        Field(pattern=KEY, description="Idempotency key: repeats within 24 h are one call."),
    ]
    client: Annotated[Identifier, Field(description="Who asked: no secret.")]
    at: Annotated[datetime, Field(description="When it was asked for, by the asker's clock.")]
    user: Annotated[
        Aor | None,
        Field(description="Rung first, at the node where it is reachable; then bridged."),
    ] = None
    gateway: Annotated[
        Annotated[str, Field(pattern=GATEWAY)] | None,
        Field(description="Sofia gateway that the number is called through."),
    ] = None
    node: Annotated[
        Annotated[str, Field(pattern=NODE)] | None,
        Field(description="The FreeSWITCH that calls; null: the user's, or any with the gateway."),
    ] = None
    number: Annotated[str, Field(pattern=NUMBER, description="The number to call.")]
    extension: Annotated[str, Field(pattern=EXTENSION, description="The digits to send; a secret.")]
    trigger: Annotated[DigitTrigger | None, Field(description="When the digits go out.")] = None
    pause_seconds: Annotated[
        Seconds | None, Field(description="With trigger `pause`: after media flows both ways.")
    ] = None
    silence_seconds: Annotated[
        Seconds | None, Field(description="With trigger `greeting`: silence that ends it.")
    ] = None
    at_most_seconds: Annotated[
        Seconds | None, Field(description="With trigger `greeting`: not longer, whatever is heard.")
    ] = None
    digit_ms: Annotated[
        Milliseconds | None, Field(description="Duration of each digit, in milliseconds.")
    ] = None
    gap_ms: Annotated[
        Milliseconds | None, Field(description="Pause between two digits, in milliseconds.")
    ] = None
    method: Annotated[DigitMethod | None, Field(description="How digits are sent.")] = None


@plain(slots=True, kw_only=True)
class DialStep:
    """One entry of a call's timeline. It never holds a digit, only which one it was."""

    after_ms: Annotated[int, Field(ge=0, description="Since the call was begun.")]
    kind: DialStepKind
    detail: Annotated[Text | None, Field(description="A cause, a count, a duration.")] = None


@plain(slots=True, kw_only=True)
class DialResult:
    """How far the call of one key has come; the last record of a key is its memory for 24 h."""

    key: Identifier
    call: Annotated[Identifier, Field(description="UUID of the called leg, derived from the key.")]
    client: Identifier
    at: Annotated[datetime, Field(description="When this was written.")]
    asked_at: Annotated[datetime, Field(description="`at` of the command.")]
    state: DialState
    outcome: Annotated[DialOutcome | None, Field(description="null: not ended yet.")] = None
    cause: Annotated[
        Text | None,
        Field(description="Of the switch (Q.850 name), or of the dialler: why this outcome."),
    ] = None
    user: Aor | None = None
    gateway: Identifier | None = None
    number: Annotated[Identifier, Field(description="The number called.")]
    node: Annotated[Identifier | None, Field(description="The FreeSWITCH that calls.")] = None
    boot: Annotated[
        Identifier | None, Field(description="That FreeSWITCH's process: its Core-UUID.")
    ] = None
    digits: Annotated[int, Field(ge=0, description="How many digits the extension has.")]
    digits_sent: Annotated[int, Field(ge=0)] = 0
    digits_confirmed: Annotated[
        int, Field(ge=0, description="Of those sent: how many the switch's counters confirm.")
    ] = 0
    attempts: Annotated[int, Field(ge=0, description="How often the digits were sent.")] = 0
    timeline: list[DialStep]
