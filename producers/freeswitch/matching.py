"""Which rows of its table a switch replaces or drops with a REGISTER: `multiple-registrations`.

Pure. The rules of sofia_reg.c (sofia_reg_handle_register_token), by the profile's mode:

| mode | a REGISTER leaves no other row of | `Expires: 0` deletes the rows of |
|---|---|---|
| off (the default) | user and host | user and host |
| call-id | the Call-ID with another expiry, whoever's | the Call-ID, whoever's |
| contact (`true`) | the contact's text with another expiry, whoever's | user, host, that text |

With call-id and contact, a REGISTER under digest authentication with qop (AUTH_RENEWED) updates the
user's row of the same contact's text where there is one, whatever its Call-ID (`update-reg`); one
without deletes the rows of its key first. A user with `sip-allow-multiple-registrations=false` in
the directory registers as with off. None of it fires an event, and no api command shows the mode:
`ask` leaves the question to the table (table_tracker.py).
"""

from collections.abc import Mapping
from typing import Any, Literal

from producers.freeswitch.event import SwitchEvent

Mode = Literal["ask", "off", "call-id", "contact"]
# switch_false() of switch_utils.h.
_FALSE = frozenset({"no", "off", "false", "f", "disabled", "inactive", "disallow", "0"})


def mode_of(modes: Mode | Mapping[str, Mode], profile: str | None) -> Mode:
    """A profile's mode by the setting: one for all profiles, or one each; `ask` for the others."""
    if isinstance(modes, str):
        return modes
    return modes.get(profile or "", "ask")


def mode_of_register(event: SwitchEvent, mode: Mode) -> Mode:
    """The mode that a REGISTER with a contact was handled by: a user may be set apart from it.

    The directory's variables stand in the event (switch_event_merge in sofia_reg.c).
    """
    allowed = event.text("sip-allow-multiple-registrations")
    return "off" if allowed is not None and allowed.lower() in _FALSE else mode


def replaced_by_register(mode: Mode, binding: str | None, *, same_expiry: bool) -> dict[str, Any]:
    """The fields of a REGISTER's record about the user's other bindings at the profile.

    `binding` is None for `Contact: *`, whose row reaches no client. `same_expiry`: one of the same
    Call-ID expires in the same second, and may have been left.
    """
    if mode == "off":
        return {"remaining": [] if binding is None else [binding]}
    return {"replaces_call_id": True} if mode == "call-id" and not same_expiry else {}


def ended_by_unregister(mode: Mode) -> dict[str, Any]:
    """The same fields of a REGISTER with `Expires: 0`; also with `Contact: *`."""
    if mode == "off":
        return {"remaining": []}
    return {"replaces_call_id": True} if mode == "call-id" else {}
