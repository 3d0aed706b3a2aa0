"""rollcall.dead-letters: input that could not be used, kept with the reason."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Text, Word


@dataclass(config=RECORD, slots=True, kw_only=True)
class DeadLetter:
    """The offending bytes, who sent them, and what was wrong with which field."""

    at: datetime
    source: Annotated[Word, Field(description="freeswitch/NODE, or topic/partition/offset.")]
    reason: Text
    field: Text | None = None
    payload: Annotated[str, Field(description="The bytes, base64, cut at 64 KiB.")]
    size: Annotated[int, Field(ge=0, description="Of the whole payload, in bytes.")]
