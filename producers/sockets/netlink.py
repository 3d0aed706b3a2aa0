"""The kernel's socket diagnostics in its own structures: requests out, sockets in. Pure.

Layouts: linux/netlink.h, linux/inet_diag.h, linux/sock_diag.h. pyroute2 names the numbers; its
general parser takes 25 µs a socket, and a burst or a dump brings tens of thousands, so the few
fields needed are read here (tests compare both).
"""

import errno
import os
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from socket import AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_TCP
from typing import NamedTuple

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
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
ALL_STATES = 0xFFFFFFFF
NO_COOKIE = 0xFFFFFFFFFFFFFFFF  # INET_DIAG_NOCOOKIE, both halves
_EXT_INFO = 1 << 1  # INET_DIAG_INFO - 1
_ATTR_BYTECODE, _ATTR_INFO = 1, 2  # INET_DIAG_REQ_BYTECODE, INET_DIAG_INFO
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI36sIQ")  # inet_diag_req_v2 with its socket id as bytes
_MESSAGE = struct.Struct("=BBBB36sIQ20x")  # inet_diag_msg
_ERROR = struct.Struct("=i")
_ATTRIBUTE = struct.Struct("=HH")
_PORTS = struct.Struct("!HH")
_BODY_END = _HEADER.size + _MESSAGE.size
_BC_JUMP, _BC_SOURCE, _BC_DESTINATION = 1, 7, 8  # INET_DIAG_BC_JMP, _S_COND, _D_COND


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


def exact_request(family: int, ends: bytes, cookie: int | None, *, info: bool = False) -> bytes:
    """Ask for one connection; with a cookie for that incarnation only.

    An IPv4 query also finds the IPv4-mapped connection of a dual-stack listener.
    """
    body = _REQUEST.pack(
        family,
        IPPROTO_TCP,
        _EXT_INFO if info else 0,
        0,
        ALL_STATES,
        ends,
        0,
        NO_COOKIE if cookie is None else cookie,
    )
    return _headed(body, NLM_F_REQUEST)


def dump_request(family: int, condition: bytes, states: int = DUMPED_STATES) -> bytes:
    """Ask for all sockets of a family in these states that a condition lets through."""
    body = _REQUEST.pack(family, IPPROTO_TCP, 0, 0, states, bytes(36), 0, NO_COOKIE)
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(condition), _ATTR_BYTECODE) + condition
    return _headed(body + (attribute if condition else b""), NLM_F_REQUEST | NLM_F_DUMP)


def _headed(body: bytes, flags: int) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + body


def of_ports(ports: list[int]) -> bytes:
    """The condition that a socket's local port is one of these (inet_diag_bc_run).

    A jump to the exact end lets a socket through, one past it does not.
    """
    code = b""
    for number, port in enumerate(ports):
        left = (len(ports) - number) * 16 - 4
        code += _condition(_BC_SOURCE, 16, AF_UNSPEC, port)
        if left > 12:
            code += struct.pack("=BBH", _BC_JUMP, 4, left - 12)
    return code


def of_peer(remote: Address) -> bytes:
    """The condition that a socket's peer is this one, IPv4-mapped or not. Raises ValueError."""
    family, address = packed(remote.ip)
    short = address[:4] if family == AF_INET else address
    size = 12 + len(short)
    return _condition(_BC_DESTINATION, size + 4, family, remote.port, short)


def _condition(code: int, otherwise: int, family: int, port: int, address: bytes = b"") -> bytes:
    operation = struct.pack("=BBH", code, 12 + len(address), otherwise)
    return operation + struct.pack("=BBxxi", family, 8 * len(address), port) + address


def sockets(data: bytes | memoryview) -> Iterator[Socket]:
    """Sockets in one datagram of the kernel, until its end or the end of a dump.

    Raises FileNotFoundError, PermissionError or another OSError for an error that the kernel
    answers, QueryFailed when the bytes are no such messages.
    """
    offset, end = 0, len(data)
    try:
        while offset < end:
            length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
            if length < _HEADER.size or offset + length > end:
                raise QueryFailed("the kernel's answer is cut short")
            if kind == SOCK_DIAG_BY_FAMILY:
                fields = _MESSAGE.unpack_from(data, offset + _HEADER.size)
                family, state, timer, retransmits, ends, device, cookie = fields
                info = _info(data, offset + _BODY_END, offset + length)
                yield Socket(family, state, timer, retransmits, ends, cookie, device, info)
            elif kind == _NLMSG_ERROR:
                _raise(_ERROR.unpack_from(data, offset + _HEADER.size)[0])
            offset += (length + 3) & ~3
    except struct.error as error:
        raise QueryFailed(f"the kernel's answer is no socket: {error}") from error


def destroyed(socket: Socket) -> bytes:
    """The notification of this socket's end, as the kernel sends it: for replays."""
    fields = (socket.family, socket.state, socket.timer, socket.retransmits)
    body = _MESSAGE.pack(*fields, socket.ends, socket.device, socket.cookie)
    return _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, 0, 0, 0) + body


def ends_dump(data: bytes | memoryview) -> bool:
    """Whether a dump's datagram is its last: NLMSG_DONE comes alone or at the end of one."""
    return len(data) >= 20 and _last_kind(data) in (_NLMSG_DONE, _NLMSG_ERROR)


def _last_kind(data: bytes | memoryview) -> int:
    offset, kind = 0, 0
    while offset + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, offset)
        offset += max(_HEADER.size, (length + 3) & ~3)
    return kind


def _info(data: bytes | memoryview, offset: int, end: int) -> bytes:
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if kind == _ATTR_INFO:
            return bytes(data[offset + 4 : min(offset + length, end)])
        offset += max(4, (length + 3) & ~3)
    return b""


def _raise(code: int) -> None:
    if code:
        raise OSError(-code, os.strerror(-code) if -code in errno.errorcode else "unknown error")
