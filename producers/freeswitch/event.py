"""Second step of an event: a `text/event-json` body to headers, read with a JSON parser.

Pure. A caller chooses every header that the switch does not write itself, so a value is only ever
a value here: never unquoted, never split into lines.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address
from typing import Any

from producers.event_fields import TEXT_MAX, EventFields, first_of_each
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.sip_uri import MalformedUri, canonical_aor

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECONDS_MAX = 4_102_444_800 * 1_000_000  # the year 2100
_is_boot = re.compile(r"[A-Za-z0-9\-]{1,64}").fullmatch
_is_node = re.compile(r"[A-Za-z0-9_.:\-]{1,64}").fullmatch


@dataclass(frozen=True, slots=True)
class SwitchEvent(EventFields):
    """One event of the switch. Of a header given twice in one object the first counts."""

    headers: dict[str, Any]

    @property
    def name(self) -> str:
        """`CHANNEL_CREATE`, or a CUSTOM event's subclass: `sofia::register`."""
        kind = self.text("Event-Name") or ""
        return (self.text("Event-Subclass") or "") if kind == "CUSTOM" else kind

    @property
    def boot(self) -> str:
        """Identity of the switch's process. Raises InvalidRecord."""
        return self._matching("Core-UUID", _is_boot)

    @property
    def switch_name(self) -> str:
        """The switch's own name. Raises InvalidRecord."""
        return self._matching("FreeSWITCH-Switchname", _is_node)

    @property
    def seq(self) -> int:
        """Event-Sequence. Raises InvalidRecord."""
        return self.required_number("Event-Sequence")

    @property
    def at(self) -> datetime:
        """Event-Date-Timestamp, which ticks every 20 ms and lags a little. Raises InvalidRecord."""
        microseconds = self.required_number("Event-Date-Timestamp")
        if microseconds > MICROSECONDS_MAX:
            raise InvalidRecord("Event-Date-Timestamp", "not a time in microseconds")
        return EPOCH + timedelta(microseconds=microseconds)

    def raw(self, name: str) -> str | None:
        """A header as it came, of an array its first element; None where there is none.

        Raises InvalidRecord when it is no text.
        """
        value = self.headers.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise InvalidRecord(name, "not a text")
        return value

    def aor(self, user: str, host: str) -> str:
        """The canonical AOR of the headers named `user` and `host`. Raises InvalidRecord."""
        try:
            return canonical_aor(self.required(user, TEXT_MAX), self.required(host))
        except MalformedUri as error:
            raise InvalidRecord(user, str(error)) from error

    def address(self, ip: str = "network-ip", port: str = "network-port") -> Address | None:
        """The peer's address; None where the event names none. Raises InvalidRecord."""
        number = self.number(port)
        text = self.identifier(ip)
        if text is None or number is None:
            return None
        if number > 65535:
            raise InvalidRecord(port, "not a port")
        return Address(ip=canonical_ip(text, ip), port=number)

    def _matching(self, name: str, accepts: Any) -> str:
        value = self.required(name)
        if not accepts(value):
            raise InvalidRecord(name, "not a plain name")
        return value


def canonical_ip(text: str, field: str) -> str:
    """One text an address, IPv4-mapped ones as IPv4, as the kernel's producer writes them."""
    try:
        address = ip_address(text.strip("[]"))
    except ValueError as error:
        raise InvalidRecord(field, "not an IP address") from error
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def parse(body: bytes) -> SwitchEvent:
    """Read one body. Raises InvalidRecord when it is no JSON object."""
    try:
        # Bytes of a user agent may be no UTF-8: surrogates keep them until a header is read.
        headers = json.loads(
            body.decode("utf-8", "surrogateescape"), object_pairs_hook=first_of_each
        )
    except (ValueError, RecursionError) as error:
        raise InvalidRecord(None, f"not JSON: {error}"[:200]) from error
    if not isinstance(headers, dict):
        raise InvalidRecord(None, "not a JSON object")
    return SwitchEvent(headers)
