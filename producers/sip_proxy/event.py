"""One event of a server: its name and parameters, as they were sent. Pure."""

from dataclasses import dataclass
from typing import Any, ClassVar

from producers.event_fields import TEXT_MAX, EventFields
from schemas.codec import InvalidRecord


@dataclass(frozen=True, slots=True)
class ServerEvent(EventFields):
    """Name and parameters. `request` is the id to acknowledge in event_stream's reliable mode."""

    name: str
    parameters: dict[str, Any]
    request: int | None = None
    identifier_max: ClassVar[int] = TEXT_MAX

    def raw(self, name: str) -> str | None:
        """A parameter as text; None where it is missing, null or empty.

        Raises InvalidRecord when it is neither text nor number.
        """
        value = self.parameters.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidRecord(name, "neither text nor number")
        return value if isinstance(value, str) else str(value)

    def required_contact(self, name: str, limit: int) -> str:
        """Contacts that must be there, with their display names, which may be of any encoding.

        `schemas.sip_uri` refuses a URI that is not UTF-8. Raises InvalidRecord.
        """
        value = self.as_sent(name, limit)
        if value is None:
            raise InvalidRecord(name, "missing")
        return value
