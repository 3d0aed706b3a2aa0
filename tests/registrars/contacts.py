"""Contacts as clients write them: URI, display name, header parameters, in all their variety. Pure.

RFC 3261 §20.10 and §25.1, RFC 5626 (instance, reg-id, ob), RFC 8599 (pn-*), RFC 7118 (`.invalid`).
"""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal, NamedTuple

_DISPLAYS = (
    '"Bob" ',
    '"Miller, Bob" ',
    '"Bob \\"the phone\\" <x>" ',
    "Bob Miller ",
    '"" ',
    '"a;expires=0" ',
    '"<sip:else@192.0.2.66>, " ',
)
_HOSTS = (
    "10.{s}.{n}",
    "10.{s}.{n}",
    "[2001:db8:{h}::{n}]",
    "[2001:DB8:{h}:0:0::{n}]",
    "Phone{n}.S{h}.Example.NET",
    "df7jal{h}ls{n}.invalid",
)
_URI_PARAMETERS = (
    "ob",
    "line=q{n}x",
    "user=phone",
    "rinstance=A{n}bC",
    "pn-provider=apns;pn-prid=PRID{n};pn-param=app.voip",
    "pn-provider=fcm;pn-prid=tok{n}%3Aabc;pn-param=proj",
    "x%2Dy=1",
    "lr",
)
# What the client came over, or claims to have: another only behind a proxy, or by mistake.
_TRANSPORTS = {
    "udp": ("", "", "", "transport=udp", "transport=UDP"),
    "tcp": ("transport=tcp", "transport=tcp", "transport=TCP", ""),
    "other": ("transport=ws", "transport=wss", "transport=tls", "transport=tcp", "transport=udp"),
}
_HEADER_PARAMETERS = (
    "q=0.{n}",
    "q=1",
    "+sip.ice",
    'methods="INVITE, ACK, BYE"',
    "+u.sip!devices.x=%22a%22",
    '+sip.src="<x>;expires=0"',
)
_USERS = ("bob", "Bob", "100{n}", "a%20b", "john%40corp", "plus%2B{n}", "%62ob", "x;y={n}", "")
_PORTS = ("", "", ":5060", ":5062", ":1{n}00", ":65535")


class Place(NamedTuple):
    """One of 65,536 sites: FreeSWITCH takes equal contacts of two users for one."""

    site: int
    over: Literal["udp", "tcp", "other"]


@dataclass(frozen=True, slots=True)
class Contact:
    """`instance` is a URN without brackets. `bare`: without <>, so parameters are the header's."""

    user: str
    host: str
    port: str
    scheme: str = "sip"
    parameters: tuple[str, ...] = ()
    display: str = ""
    bare: bool = False
    header_parameters: tuple[str, ...] = field(default=())
    instance: str | None = None
    reg_id: int | None = None

    @property
    def uri(self) -> str:
        user = f"{self.user}@" if self.user else ""
        tail = "".join(f";{one}" for one in self.parameters)
        return f"{self.scheme}:{user}{self.host}{self.port}{tail}"

    def text(self, expires: str | None = None) -> str:
        """The element of a Contact header, with this `expires` parameter where there is one."""
        parts = list(self.header_parameters)
        if expires is not None:
            parts.insert(len(parts) // 2, f"expires={expires}")
        if self.instance:
            parts.append(f'+sip.instance="<{self.instance}>"')
        if self.reg_id is not None:
            parts.append(f"reg-id={self.reg_id}")
        address = self.uri if self.bare else f"{self.display}<{self.uri}>"
        return address + "".join(f";{part}" for part in parts)


def generate(
    rng: Random,
    place: Place,
    user: str,
    instance: str | None = None,
    reg_id: int | None = None,
) -> Contact:
    """A device's contact; `user` is its own name, which most devices put into theirs."""
    number = rng.randrange(1, 9)
    own = user if rng.random() < 0.6 else _filled(rng.choice(_USERS), number)
    bare = rng.random() < 0.2
    count = 0 if bare else rng.choice((0, 0, 1, 1, 2, 3))
    chosen = rng.sample(_URI_PARAMETERS, count)
    parameters = tuple(dict.fromkeys(_filled(one, number) for one in chosen))
    transport = () if bare else tuple(filter(None, (rng.choice(_TRANSPORTS[place.over]),)))
    headers = rng.sample(_HEADER_PARAMETERS, rng.choice((0, 0, 0, 1, 2)))
    contact = Contact(
        # In a bare addr-spec `;` would begin the header's parameters, `?` and `,` may not stand.
        user=own.replace(";", "-") if bare else own,
        host=_host(rng, place.site),
        port=_filled(rng.choice(_PORTS), number),
        scheme="sips" if place.over != "udp" and rng.random() < 0.1 else "sip",
        parameters=_without_doubles(_mixed(rng, parameters + transport)),
        display="" if bare or rng.random() < 0.5 else rng.choice(_DISPLAYS),
        bare=bare,
        header_parameters=tuple(_filled(one, number) for one in headers),
        instance=instance,
        reg_id=reg_id,
    )
    if rng.random() < 0.01:
        return replace(contact, bare=False, parameters=(f"long={'x' * rng.randrange(80, 1400)}",))
    return contact


def moved(rng: Random, place: Place, contact: Contact) -> Contact:
    """The same device from another place."""
    host = _host(rng, place.site)
    if rng.random() < 0.5:
        host = contact.host
    return replace(contact, host=host, port=f":{rng.randrange(1024, 65535)}")


def respelled(rng: Random, contact: Contact) -> Contact:
    """An equal URI of another text (RFC 3261 §19.1.4), or the same with another display name."""
    match rng.randrange(4):
        case 0:
            return replace(contact, host=contact.host.swapcase())
        case 1:
            return replace(contact, parameters=contact.parameters[::-1])
        case 2 if not contact.bare:
            return replace(contact, display=rng.choice(_DISPLAYS))
        case _:
            return replace(contact, user=contact.user.replace("b", "%62", 1))


def _without_doubles(parameters: tuple[str, ...]) -> tuple[str, ...]:
    """Of each parameter's name the first only."""
    found = {one.partition("=")[0].lower(): one for one in reversed(parameters)}
    return tuple(one for one in parameters if found[one.partition("=")[0].lower()] == one)


def _mixed(rng: Random, parameters: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(rng.sample(parameters, len(parameters)))


def _host(rng: Random, site: int) -> str:
    text = _filled(rng.choice(_HOSTS), rng.randrange(1, 250))
    return text.replace("{s}", f"{site >> 8}.{site & 255}").replace("{h}", f"{site:x}")


def _filled(text: str, number: int) -> str:
    return text.replace("{n}", str(number))
