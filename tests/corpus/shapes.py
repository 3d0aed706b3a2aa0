"""The shapes of real clients' REGISTERs and registrars' answers, each with what is right of it.

`registers/*.sip` holds them by class of device; the notation is RFC 4475's (tests.corpus.torture):

    === NAME
    the message's first line and the headers that are its own
    > URI [as IDENTITY] [for SECONDS] [instance TEXT] [reg-id NUMBER]   one contact, as it is stored
    > *                                                                 all contacts
    ! WHY                                                               the Contact is refused

IDENTITY is given where it differs from the URI; `bounded` is one too long to be shown whole. No
SECONDS: the registrar's default. Headers that all clients send alike are filled in.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.corpus import messages, torture
from tests.corpus.sending import FILLED_IN_VIA

_FOLDER = Path(__file__).parent / "registers"
_CONTACT = re.compile(
    r"(?P<uri>\S+)(?: as (?P<identity>\S+))?(?: for (?P<expires>[0-9]+))?"
    r"(?: instance (?P<instance>\S+))?(?: reg-id (?P<reg_id>[0-9]+))?"
)
BOUNDED = "bounded"


class Expected(NamedTuple):
    """One contact that a registrar stores; `expires` in seconds, 0 where it is taken back."""

    uri: str
    identity: str
    expires: int | None
    instance: str | None
    reg_id: int | None


class Shape(NamedTuple):
    """`contacts` are those of the Contact headers in order; `refused`: why there are none."""

    name: str
    device_class: str
    data: bytes
    contacts: list[Expected]
    star: bool
    refused: str | None

    @property
    def message(self) -> messages.Message:
        return messages.parse(self.data)

    @property
    def is_answer(self) -> bool:
        return self.data.startswith(b"SIP/2.0 ")


@cache
def shapes() -> tuple[Shape, ...]:
    """All of them, by file and place."""
    return tuple(
        _shape(path.stem, text)
        for path in sorted(_FOLDER.glob("*.sip"))
        for text in path.read_text("utf-8").split("\n=== ")[1:]
    )


def registers() -> list[Shape]:
    return [shape for shape in shapes() if not shape.is_answer]


def answers() -> list[Shape]:
    return [shape for shape in shapes() if shape.is_answer]


def _shape(device_class: str, text: str) -> Shape:
    name, *lines = text.rstrip("\n").split("\n")
    own = [line for line in lines if line and not line.startswith(("> ", "! "))]
    expected = [torture.expand(line[2:]).decode() for line in lines if line.startswith("> ")]
    refused = next((line[2:] for line in lines if line.startswith("! ")), None)
    contacts = [_expected(line) for line in expected if line != "*"]
    return Shape(name, device_class, _whole(name, own), contacts, "*" in expected, refused)


def _expected(line: str) -> Expected:
    match = _CONTACT.fullmatch(line)
    assert match, line
    uri, identity, expires, instance, reg_id = match.groups()
    return Expected(
        uri,
        identity or uri,
        None if expires is None else int(expires),
        instance,
        None if reg_id is None else int(reg_id),
    )


def _whole(name: str, own: list[str]) -> bytes:
    """The message with the headers that it needs and does not have itself."""
    data = torture.expand("\n".join(own) + "\n")
    present = {header for header, _ in messages.parse(data + b"\r\n").headers}
    to = messages.parse(data + b"\r\n").first("to") or ""
    common = {
        "via": f"{FILLED_IN_VIA.decode()}rport;branch=z9hG4bK-{name}",
        "max-forwards": "Max-Forwards: 70",
        "from": f"From: {to};tag={name}" if to.endswith(">") else f"From: <{to}>;tag={name}",
        "call-id": f"Call-ID: {name}@192.0.2.1",
        "cseq": "CSeq: 1 REGISTER",
        "content-length": "Content-Length: 0",
    }
    added = [line for header, line in common.items() if header not in present]
    return data + "\r\n".join([*added, "", ""]).encode("utf-8", "surrogateescape")
