"""The state of a connection and the cause of its end, from its last tcp_info (linux/tcp.h). Pure.

The kernel gives no reason with a destroyed socket, but its counters show it (tcp_output.c counts
only payload in bytes_sent, tcp_input.c counts the acknowledged FIN in bytes_acked):

- our FIN was acknowledged, so one byte more was acknowledged than sent: closed, by whichever side;
- else retransmissions or probes were running and nothing came any more: timed out;
- else: reset, by whichever side. A server that closes with data unread, or with SO_LINGER 0, sends
  the RST itself.

Kernels before 4.19 do not count bytes_sent; there an end without retransmissions counts as closed.
"""

import struct
from typing import NamedTuple

from schemas.vocabulary import ConnectionKind

_HEAD = struct.Struct("=8B24I")
_BYTES_ACKED = struct.Struct("=Q")
_SEGMENTS_IN = struct.Struct("=I")
_BYTES_SENT = struct.Struct("=QQ")
_ACKED_AT, _SEGMENTS_AT, _SENT_AT = 120, 140, 200


class TcpInfo(NamedTuple):
    """The fields of struct tcp_info used here; None where this kernel is too old to have them."""

    retransmits: int  # of the oldest unacknowledged segment, in a row
    probes: int  # unanswered keepalive or zero-window probes, in a row
    unacked: int  # segments in flight
    last_data_recv: int  # ms
    last_ack_recv: int  # ms
    bytes_acked: int | None = None
    segments_in: int | None = None
    bytes_sent: int | None = None  # without what was sent again


def parse(info: bytes) -> TcpInfo | None:
    """Read struct tcp_info; None when the bytes are fewer than Linux 2.6 had."""
    if len(info) < _HEAD.size:
        return None
    head = _HEAD.unpack_from(info)
    acked = segments = sent = None
    if len(info) >= _SEGMENTS_AT + 4:
        acked = _BYTES_ACKED.unpack_from(info, _ACKED_AT)[0]
        segments = _SEGMENTS_IN.unpack_from(info, _SEGMENTS_AT)[0]
    if len(info) >= _SENT_AT + 16:
        all_sent, again = _BYTES_SENT.unpack_from(info, _SENT_AT)
        sent = all_sent - again
    return TcpInfo(head[2], head[3], head[8 + 4], head[8 + 11], head[8 + 12], acked, segments, sent)


def end_of(info: TcpInfo | None, before: TcpInfo | None = None) -> ConnectionKind:
    """How a destroyed connection ended; `before`: its last counters while it was suspect."""
    if info is None:
        return ConnectionKind.CLOSED
    if info.bytes_sent is not None and (info.bytes_acked or 0) > info.bytes_sent:
        return ConnectionKind.CLOSED
    if info.retransmits or info.probes:
        if before is not None and info.segments_in != before.segments_in:
            return ConnectionKind.RESET  # something came after the silence, and it was no ACK
        return ConnectionKind.TIMED_OUT
    return ConnectionKind.CLOSED if info.bytes_sent is None else ConnectionKind.RESET
