"""The kinds of recordings: what each is of in words, and which kind a file is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from local.replay.esl_recording import read_capture
from local.replay.evapi_recording import read_kamailio
from local.replay.mrcp_recording import read_mrcp
from local.replay.netlink_recording import read_sockets
from local.replay.ng_recording import read_ng
from local.replay.opensips_recording import read_pieces

_GZIP = b"\x1f\x8b"


class Kind(NamedTuple):
    """`words` completes "a recording of"; `read` raises OSError, or ValueError for another kind."""

    words: str
    read: Callable[[Path], Sequence[object]]


KINDS = {
    "freeswitch": Kind("FreeSWITCH's event socket (`event json`)", read_capture),
    "opensips": Kind("OpenSIPS' events (datagrams or a stream)", read_pieces),
    "kamailio": Kind("Kamailio's evapi and JSON-RPC", read_kamailio),
    "sockets": Kind("the kernel's destroyed sockets", read_sockets),
    "rtpengine": Kind("rtpengine's NG protocol", read_ng),
    "mrcp": Kind("an MRCP server's log or control connections", read_mrcp),
}


def not_of_kind(name: str, file: Path, error: ValueError) -> str:
    """Why `file` is not played as `name`, whose reader raised `error`, and what it is instead."""
    wrong = f"{file} is no recording of {KINDS[name].words}"
    with file.open("rb") as opened:
        if opened.read(2) == _GZIP:
            return f"{wrong}: it is compressed, unpack it first (gunzip)"
    for other, kind in KINDS.items():
        if other != name and _is_of(kind, file):
            return f"{wrong}, but of {kind.words}: write {other}={file}"
    others = ", ".join(kind.words for other, kind in KINDS.items() if other != name)
    reason = str(error).removeprefix(f"{file}: ")
    return f"{wrong} ({reason}), nor of any other kind: {others}"


def _is_of(kind: Kind, file: Path) -> bool:
    try:
        kind.read(file)
    except (OSError, ValueError):
        return False
    return True
