"""The commands that a call consists of, as FreeSWITCH reads them (pure).

FreeSWITCH reads an originate many times: mod_commands splits it at spaces and quotes,
switch_ivr_originate() at `:_:`, `|` and `,`, and takes variables from `{…}`, `[…]` and `<…>`,
whose own separator `^^` changes; a gateway's number is expanded again by mod_sofia. So no text of
a command is escaped here: the contract admits only characters that none of them takes for its own
(schemas.dialling), and whatever else is refused, here once more.
"""

import re
from dataclasses import dataclass
from uuid import UUID, uuid5

from dialling.errors import Unsafe
from schemas.dialling import EXTENSION, GATEWAY, NUMBER
from schemas.vocabulary import DigitMethod

_NAMESPACE = UUID("5f1d8a34-0d39-5b1c-9a54-7f0f6f1f6c11")
# Ends a call that nobody drives any more: the service is gone for good.
_PARKED_SECONDS_MAX = 900
_UUID = r"[0-9a-f-]{36}"
# ITU-T Q.23: the two tones of each digit, in Hz.
_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
_DTMF_TYPES = {
    DigitMethod.RFC4733: "rfc2833",
    DigitMethod.INFO: "info",
    DigitMethod.INBAND: "none",
}


def call_uuid(key: str, leg: str = "number") -> str:
    """The UUID of a key's leg, the same for ever: the switch must not have two of it."""
    return str(uuid5(_NAMESPACE, f"{leg}:{key}"))


def marker(uuid: str) -> str:
    """The switch's global variable that is set when the leg was created, and stays."""
    return f"rollcall_dialled_{_checked(_UUID, uuid, 'uuid')}"


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg to be: its UUID, how long it may ring, the leg that ends with it if there is one."""

    uuid: str
    seconds: float
    other: str | None = None


def to_gateway(leg: Leg, gateway: str, number: str, method: DigitMethod) -> str:
    """`originate` of the number through a Sofia gateway. Raises Unsafe."""
    _checked(GATEWAY, gateway, "gateway")
    _checked(NUMBER, number, "number")
    variables = {**_variables(leg), "dtmf_type": _DTMF_TYPES[method]}
    return f"originate {_braces(variables)}sofia/gateway/{gateway}/{number} &park()"


def to_user(leg: Leg, endpoint: str) -> str:
    """`originate` of a user of the node's directory, by routing.dial_string.local's endpoint.

    Raises Unsafe.
    """
    _checked(r"user/[A-Za-z0-9_.+*-]+@[A-Za-z0-9.:\[\]-]+", endpoint, "user")
    return f"originate {_braces(_variables(leg))}{endpoint} &park()"


def send_digit(uuid: str, digit: str, digit_ms: int) -> str:
    """`uuid_send_dtmf` of one digit, its duration always given. Raises Unsafe.

    switch_core_session_send_dtmf_string() (switch_core_io.c) reads what follows `@` as
    milliseconds and multiplies by the codec's rate / 1000: switch_dtmf_t.duration is in samples.
    Without `@` it is the core's default of 2,000 samples; beyond 192,000 and below 400 samples the
    core takes those.
    """
    _checked(EXTENSION, digit, "digit")
    return f"uuid_send_dtmf {uuid} {digit}@{digit_ms:d}"


def tones(digit: str, digit_ms: int) -> str:
    """The file of mod_tone_stream that has the digit's two tones."""
    place = _KEYS.index(digit)
    return f"tone_stream://%({digit_ms:d},0,{_ROWS[place // 4]},{_COLUMNS[place % 4]})"


def _variables(leg: Leg) -> dict[str, str]:
    name = marker(leg.uuid)
    found = {
        "origination_uuid": leg.uuid,
        "rollcall_dial": "true",
        "ignore_early_media": "false",
        "originate_timeout": f"{leg.seconds:.0f}",
        "park_timeout": f"{_PARKED_SECONDS_MAX}",
        # Without a timer the switch waits for the far end's packets before it sends any, and a far
        # end that waits for the caller's would never begin. Silence is sent between detectors, too.
        "rtp_timer_name": "soft",
        "send_silence_when_idle": "-1",
        # Run when the leg was created, before its first SIP message (switch_ivr_originate.c).
        "api_on_originate": f"'global_setvar {name}=1'",
    }
    if leg.other is not None:
        # What was parked is parked again when its bridge ends, whatever hangup_after_bridge is.
        found["api_hangup_hook"] = f"'uuid_kill {_checked(_UUID, leg.other, 'uuid')}'"
    return found


def _braces(variables: dict[str, str]) -> str:
    return "{" + ",".join(f"{name}={value}" for name, value in variables.items()) + "}"


def _checked(pattern: str, text: str, field: str) -> str:
    # `$` also matches before a line's end at the end.
    if not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text):
        raise Unsafe(field, "has a character that is not allowed")
    return text
