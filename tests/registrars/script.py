"""A script: one user's devices and what they do, step by step, at a registrar of one option set.

Made by `generating.py` from a seed alone, played by `playing.py`.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

DOMAIN = "example.test"
Network = Literal["udp", "tcp"]


@dataclass(frozen=True, slots=True)
class Register:
    """One REGISTER of a device. `headers` are all but Via, Max-Forwards and Content-Length."""

    device: int
    call_id: str
    cseq: int
    request_uri: str
    headers: tuple[str, ...]
    profile: int = 0  # of FreeSWITCH's, where the registrar has several


@dataclass(frozen=True, slots=True)
class Lose:
    """A device's connection ends: FIN or RST. Over UDP nothing happens."""

    device: int
    how: Literal["close", "reset"]


@dataclass(frozen=True, slots=True)
class Pause:
    """Time passes: short registrations expire."""

    seconds: float


Step: TypeAlias = Register | Lose | Pause


@dataclass(frozen=True, slots=True)
class Script:
    """`token` stands in the user's every spelling, in lower or upper case, and in no other's."""

    seed: int
    options: int  # index of the registrar's option set
    token: str
    networks: tuple[Network, ...]  # of each device
    steps: tuple[Step, ...]
