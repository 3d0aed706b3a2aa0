"""FreeSWITCH dial strings (pure).

FreeSWITCH reads a dial string many times: the dialplan expands `${…}`, originate splits at `:_:`,
`|` and `,` and takes variables from `{…}`, `[…]` and `<…>` (switch_ivr_originate.c), and mod_sofia
looks for `^`, `;` and `;fs_path=` anywhere (sofia_outgoing_channel(),
sofia_glue_get_destination()). So of a user part only characters that no reader takes for its own
stay as they are. All others are percent-encoded, which SIP decodes (RFC 3261 §19.1.4).
"""

import re

from sinks.gateway.routing.addresses import NextHop

# As an endpoint: the call ends at once, with the cause that a dialplan gets for a user who has not
# registered (mod_dptools, error_outgoing_channel()).
NOT_REGISTERED = "error/USER_NOT_REGISTERED"
NO_ROUTE = "error/NO_ROUTE_DESTINATION"
UNKNOWN = "error/NORMAL_TEMPORARY_FAILURE"

_UNSAFE = re.compile(r"%[0-9A-Fa-f]{2}|[^A-Za-z0-9_.+*-]")
_is_safe = re.compile(r"[A-Za-z0-9_.+*-]+").fullmatch
is_profile = re.compile(r"[A-Za-z0-9_.-]{1,80}").fullmatch


def through(aor: str, next_hop: NextHop, profile: str) -> str:
    """Dial a canonical AOR through a node: the request is for the AOR, and is sent to the node.

    `profile` is one of the calling switch.
    """
    user, host = _parts(aor)
    return f"sofia/{profile}/sip:{escaped(user)}@{host};fs_path={next_hop.encoded}"


def local(aor: str) -> str | None:
    """Dial a user of the calling switch's own directory; None where the directory's name cannot be
    written without escapes, which nobody would decode."""
    user, host = _parts(aor)
    return f"user/{user}@{host}" if _is_safe(user) else None


def at_once(dial_strings: list[str]) -> str:
    """All of them at the same time: the first who answers gets the call."""
    return ",".join(dict.fromkeys(dial_strings))


def escaped(user: str) -> str:
    """The user part of a canonical AOR for a dial string."""
    return _UNSAFE.sub(_escape, user)


def _escape(match: re.Match[str]) -> str:
    text = match[0]
    return text if len(text) == 3 else "".join(f"%{byte:02X}" for byte in text.encode())


def _parts(aor: str) -> tuple[str, str]:
    user, _, host = aor.partition(":")[2].rpartition("@")
    return user, host
