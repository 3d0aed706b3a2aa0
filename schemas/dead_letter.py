"""rollcall.dead-letters: input that could not be used, kept with the reason."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.codec import sendable
from schemas.origin import Identifier, Text


@dataclass(slots=True, kw_only=True)
class DeadLetter:
    """Bytes that could not be used, who sent them, and what was wrong with which field."""

    at: Annotated[datetime, Field(description="When it was written, by the writer's clock.")]
    source: Annotated[Identifier, Field(description="freeswitch/NODE, or topic/partition/offset.")]
    reason: Annotated[Text, Field(description="What was wrong.")]
    field: Annotated[Text | None, Field(description="Of which field, where one is at fault.")] = (
        None
    )
    payload: Annotated[str, Field(description="The bytes, base64, cut at 64 KiB.")]
    size: Annotated[int, Field(ge=0, description="Of the whole payload, in bytes.")]


MAX_PAYLOAD = 64 * 1024


def dead_letter(
    source: str, payload: bytes, reason: str, field: str | None, at: datetime
) -> DeadLetter:
    """A dead letter for `payload`, whatever it and its description hold; it never raises.

    The payload is cut at MAX_PAYLOAD bytes, the texts at the lengths the contract allows.
    """
    return DeadLetter(
        at=at,
        source=sendable(source[-255:]) or "unknown",
        reason=sendable(reason),
        field=sendable(field) if field is not None else None,
        payload=b64encode(payload[:MAX_PAYLOAD]).decode(),
        size=len(payload),
    )
