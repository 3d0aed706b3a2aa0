"""What a dialled call asks of the switch, and what the switch reports back (pure values)."""

from dataclasses import dataclass

from dialling.hearing import Listen
from schemas.vocabulary import DialOutcome


@dataclass(frozen=True, slots=True)
class Count:
    """Read the packet counters; answered by `DialledCall.counted`."""


@dataclass(frozen=True, slots=True)
class SendDigit:
    """Send the digit at this place of the extension."""

    place: int


@dataclass(frozen=True, slots=True)
class MarkKeying:
    """Make it durable that digits go out from here on: a restart must not send them again."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The call has this outcome; `hang_up`: nobody is connected, so end it."""

    outcome: DialOutcome
    cause: str | None
    hang_up: bool


Action = Count | Listen | SendDigit | MarkKeying | Finish


@dataclass(frozen=True, slots=True)
class Counts:
    """Of the channel's audio: media packets in and out, telephone-event packets out."""

    inbound: int
    outbound: int
    dtmf: int
