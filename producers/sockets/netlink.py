"""Sockets as the kernel's diagnostics describe them, read from its messages. Pure.

Layouts: linux/netlink.h, linux/inet_diag.h, linux/sock_diag.h. pyroute2 names the numbers; its
general parser takes 25 µs a socket, and a burst or a dump brings tens of thousands, so the few
fields needed are read here (tests compare both).
"""

import errno
import os
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6
from typing import NamedTuple

from pyroute2.netlink.diag import (
    SOCK_DIAG_BY_FAMILY,
    SS_CLOSE_WAIT,
    SS_CLOSING,
    SS_ESTABLISHED,
    SS_FIN_WAIT1,
    SS_FIN_WAIT2,
    SS_LAST_ACK,
    SS_LISTEN,
)

from producers.sockets.errors import QueryFailed
from schemas.origin import Address

LISTEN, ESTABLISHED, CLOSE_WAIT = SS_LISTEN, SS_ESTABLISHED, SS_CLOSE_WAIT
# One side or both have closed: for the SIP server's client the connection is over. TIME_WAIT is
# none of them: it is no socket any more, and has another cookie.
ENDING = frozenset({SS_FIN_WAIT1, SS_FIN_WAIT2, SS_CLOSE_WAIT, SS_LAST_ACK, SS_CLOSING})
# FIN_WAIT2 may be a TIME_WAIT in disguise: left out of dumps, an exact query by cookie shows it.
DUMPED_STATES = sum(
    1 << s
    for s in (SS_ESTABLISHED, SS_FIN_WAIT1, SS_CLOSE_WAIT, SS_LAST_ACK, SS_CLOSING, SS_LISTEN)
)
_ATTR_INFO = 2  # INET_DIAG_INFO
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
HEADER = struct.Struct("=IHHII")
_MESSAGE = struct.Struct("=BBBB36sIQ20x")  # inet_diag_msg
_ERROR = struct.Struct("=i")
ATTRIBUTE = struct.Struct("=HH")
_PORTS = struct.Struct("!HH")
_BODY_END = HEADER.size + _MESSAGE.size


class Socket(NamedTuple):
    """One TCP socket as the kernel describes it. `ends` is both addresses, undecoded."""

    family: int
    state: int
    timer: int
    retransmits: int  # of data, or unanswered probes, by `timer`
    ends: bytes
    cookie: int
    device: int  # index of the interface it is bound to, else 0
    info: bytes  # struct tcp_info, empty where it was not asked for

    @classmethod
    def of(cls, local: Address, remote: Address, state: int, cookie: int) -> "Socket":
        """A socket of which only this is known. Raises ValueError."""
        family, ends = ends_of(local, remote)
        return cls(family, state, 0, 0, ends, cookie, 0, b"")

    @property
    def local(self) -> Address:
        return Address(ip=_text(self.family, self.ends[4:20]), port=self.local_port)

    @property
    def remote(self) -> Address:
        return Address(ip=_text(self.family, self.ends[20:36]), port=self.remote_port)

    @property
    def local_port(self) -> int:
        return self.ends[0] << 8 | self.ends[1]

    @property
    def remote_port(self) -> int:
        return self.ends[2] << 8 | self.ends[3]


def _text(family: int, address: bytes) -> str:
    """One text an address, IPv4-mapped ones as IPv4, as every producer writes them."""
    if family == AF_INET:
        return str(IPv4Address(address[:4]))
    long = IPv6Address(address)
    return str(long.ipv4_mapped or long)


def packed(ip: str) -> tuple[int, bytes]:
    """Family and 16 bytes of an address, IPv4-mapped ones as IPv4. Raises ValueError."""
    address = ip_address(ip)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is None:
            return AF_INET6, address.packed
        address = address.ipv4_mapped
    return AF_INET, address.packed + bytes(12)


def ends_of(local: Address, remote: Address) -> tuple[int, bytes]:
    """Family and undecoded addresses of a connection. Raises ValueError."""
    (family, source), (other, destination) = packed(local.ip), packed(remote.ip)
    if family != other:
        raise ValueError(f"{local.ip} and {remote.ip} are of two families")
    return family, _PORTS.pack(local.port, remote.port) + source + destination


def sockets(data: bytes | memoryview) -> Iterator[Socket]:
    """Sockets in one datagram of the kernel, until its end or the end of a dump.

    Raises FileNotFoundError, PermissionError or another OSError for an error that the kernel
    answers, QueryFailed when the bytes are no such messages.
    """
    offset, end = 0, len(data)
    try:
        while offset < end:
            length, kind, _, _, _ = HEADER.unpack_from(data, offset)
            if length < HEADER.size or offset + length > end:
                raise QueryFailed("the kernel's answer is cut short")
            if kind == SOCK_DIAG_BY_FAMILY:
                fields = _MESSAGE.unpack_from(data, offset + HEADER.size)
                family, state, timer, retransmits, ends, device, cookie = fields
                info = _info(data, offset + _BODY_END, offset + length)
                yield Socket(family, state, timer, retransmits, ends, cookie, device, info)
            elif kind == _NLMSG_ERROR:
                _raise(_ERROR.unpack_from(data, offset + HEADER.size)[0])
            offset += (length + 3) & ~3
    except struct.error as error:
        raise QueryFailed(f"the kernel's answer is no socket: {error}") from error


def destroyed(socket: Socket) -> bytes:
    """The notification of this socket's end, as the kernel sends it: for replays."""
    fields = (socket.family, socket.state, socket.timer, socket.retransmits)
    body = _MESSAGE.pack(*fields, socket.ends, socket.device, socket.cookie)
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, 0, 0, 0) + body


def ends_dump(data: bytes | memoryview) -> bool:
    """Whether a dump's datagram is its last: NLMSG_DONE comes alone or at the end of one."""
    return len(data) >= 20 and _last_kind(data) in (_NLMSG_DONE, _NLMSG_ERROR)


def _last_kind(data: bytes | memoryview) -> int:
    offset, kind = 0, 0
    while offset + HEADER.size <= len(data):
        length, kind, _, _, _ = HEADER.unpack_from(data, offset)
        offset += max(HEADER.size, (length + 3) & ~3)
    return kind


def _info(data: bytes | memoryview, offset: int, end: int) -> bytes:
    while offset + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, offset)
        if kind == _ATTR_INFO:
            return bytes(data[offset + 4 : min(offset + length, end)])
        offset += max(4, (length + 3) & ~3)
    return b""


def _raise(code: int) -> None:
    if code:
        raise OSError(-code, os.strerror(-code) if -code in errno.errorcode else "unknown error")
