"""What a reverse look-up looks for, and whether a record has it (pure)."""

from dataclasses import dataclass
from ipaddress import ip_address

from schemas.presence import Presence, PresenceBinding
from sinks.gateway.lookup.places import address_key, contact_identity, contact_key


@dataclass(frozen=True, slots=True)
class SoughtAddress:
    """An IP address as records have it, and a port (None: any)."""

    ip: str
    port: int | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A contact, an address, or a binding with both."""

    contact: str | None
    address: SoughtAddress | None

    @property
    def key(self) -> int:
        """The key in `places.Places`; with both, of the contact: few share one."""
        if self.contact is not None:
            return contact_key(self.contact)
        assert self.address is not None
        return address_key(self.address.ip, self.address.port)

    def has(self, presence: Presence) -> bool:
        """Whether a binding of the user is what is looked for."""
        identity = contact_identity(self.contact) if self.contact is not None else None
        return any(self._is(binding, identity) for binding in presence.bindings)

    def _is(self, binding: PresenceBinding, identity: str | None) -> bool:
        if identity is not None and contact_identity(binding.contact) != identity:
            return False
        if (sought := self.address) is None:
            return True
        remote = binding.remote
        return (
            remote is not None
            and remote.ip == sought.ip
            and (sought.port is None or remote.port == sought.port)
        )


def address_in(text: str) -> SoughtAddress:
    """`192.0.2.1`, `192.0.2.1:5060`, `2001:db8::1` or `[2001:db8::1]:5060`.

    Raises ValueError with what is wrong.
    """
    host, port = text, None
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise ValueError("not IP, IP:PORT or [IP]:PORT")
        port = _port(rest[1:]) if rest else None
    elif text.count(":") == 1:
        host, _, digits = text.partition(":")
        port = _port(digits)
    try:
        return SoughtAddress(str(ip_address(host)), port)
    except ValueError as error:
        raise ValueError("no IP address") from error


def _port(digits: str) -> int:
    if digits.isascii() and digits.isdigit() and len(digits) <= 5 and int(digits) <= 65535:
        return int(digits)
    raise ValueError("the port is not 0-65535")
