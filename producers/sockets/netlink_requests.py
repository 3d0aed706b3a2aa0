"""Requests to the kernel's socket diagnostics, and the conditions that filter a dump. Pure.

Layouts: linux/netlink.h, linux/inet_diag.h; the filter's byte code: inet_diag_bc_run (inet_diag.c).
"""

import struct
from socket import AF_INET, AF_UNSPEC, IPPROTO_TCP

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST
from pyroute2.netlink.diag import SOCK_DIAG_BY_FAMILY

from producers.sockets.netlink import ATTRIBUTE, DUMPED_STATES, HEADER, packed
from schemas.origin import Address

_ALL_STATES = 0xFFFFFFFF
_NO_COOKIE = 0xFFFFFFFFFFFFFFFF  # INET_DIAG_NOCOOKIE, both halves
_EXT_INFO = 1 << 1  # INET_DIAG_INFO - 1
_ATTR_BYTECODE = 1  # INET_DIAG_REQ_BYTECODE
_REQUEST = struct.Struct("=BBBBI36sIQ")  # inet_diag_req_v2 with its socket id as bytes
_BC_JUMP, _BC_SOURCE, _BC_DESTINATION = 1, 7, 8  # INET_DIAG_BC_JMP, _S_COND, _D_COND


def exact_request(family: int, ends: bytes, cookie: int | None, *, info: bool = False) -> bytes:
    """Ask for one connection; with a cookie for that incarnation only.

    An IPv4 query also finds the IPv4-mapped connection of a dual-stack listener.
    """
    body = _REQUEST.pack(
        family,
        IPPROTO_TCP,
        _EXT_INFO if info else 0,
        0,
        _ALL_STATES,
        ends,
        0,
        _NO_COOKIE if cookie is None else cookie,
    )
    return _headed(body, NLM_F_REQUEST)


def dump_request(family: int, condition: bytes, states: int = DUMPED_STATES) -> bytes:
    """Ask for all sockets of a family in these states that a condition lets through."""
    body = _REQUEST.pack(family, IPPROTO_TCP, 0, 0, states, bytes(36), 0, _NO_COOKIE)
    attribute = ATTRIBUTE.pack(ATTRIBUTE.size + len(condition), _ATTR_BYTECODE) + condition
    return _headed(body + (attribute if condition else b""), NLM_F_REQUEST | NLM_F_DUMP)


def _headed(body: bytes, flags: int) -> bytes:
    return HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + body


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
