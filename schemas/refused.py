"""The dead letter of a consumed record that a stage could not use, ready to be produced."""

from datetime import datetime
from typing import NamedTuple

from schemas.cloudevents import Headers, headers
from schemas.codec import encode
from schemas.dead_letter import dead_letter
from schemas.topics import DEAD_LETTERS


class Refused(NamedTuple):
    """Key, value and headers of the record to produce."""

    key: bytes
    value: bytes
    headers: Headers


def refused(
    stage: str, place: str, payload: bytes, reason: str, field: str | None, now: datetime
) -> Refused:
    """The dead letter of the record at `place` (TOPIC/PARTITION/OFFSET); see `dead_letter`.

    Its id is the stage and the place: one letter of a record that a stage refuses twice, two of a
    record that two stages refuse.
    """
    letter = dead_letter(place, payload, reason, field, now)
    head = headers(
        DEAD_LETTERS, id=f"{stage}/{place}", source=f"rollcall/{stage}", subject=place, time=now
    )
    return Refused(place.encode(), encode(letter), head)
