"""The user who makes a call, as far as the switch has authenticated it: a From is no evidence.

Pure. Where the evidence is set: sofia_handle_sip_i_invite (mod_sofia's sofia.c), verto__invite_func
(mod_verto.c).
"""

from producers.event_fields import TEXT_MAX
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from schemas.sip_uri import MalformedUri, aor_of


def caller(event: SwitchEvent, context: Context) -> str | None:
    """The AOR of a calling leg's user; None without authentication."""
    kind, _, rest = (event.text("Channel-Name") or "").partition("/")
    if kind == "verto.rtc":
        return _verto_user(event)
    profile = event.text("variable_sofia_profile_name") or rest.partition("/")[0]
    return (
        pair(event, "variable_user_name", "variable_domain_name")
        or presence_user(event.identifier("variable_sip_acl_token", TEXT_MAX))
        or (_from(event) if _is_believed(event, profile in context.trusted_profiles) else None)
    )


def _verto_user(event: SwitchEvent) -> str | None:
    """mod_verto makes the caller profile's name of the login, and so verto_user; but a client may
    set any variable of its channels (userVariables of the login)."""
    return presence_user(event.identifier("Caller-Username", TEXT_MAX)) or (
        presence_user(event.identifier("variable_verto_user", TEXT_MAX))
        or pair(event, "variable_user_name", "variable_domain_name")
    )


def _is_believed(event: SwitchEvent, trusted: bool) -> bool:
    """Whether the switch let the call in because of its sender's identity.

    `sip_looped_call`: by its own address, for any From (calling_myself).
    """
    if trusted:
        return True
    if event.text("variable_sip_looped_call") == "true":
        return False
    return event.text("variable_sip_authorized") == "true" or bool(
        event.raw("variable_sip_acl_authed_by") or event.raw("variable_sip_acl_token")
    )


def _from(event: SwitchEvent) -> str | None:
    return pair(event, "variable_sip_from_user", "variable_sip_from_host") or presence_user(
        event.identifier("Channel-Presence-ID", TEXT_MAX)
    )


def pair(event: SwitchEvent, user: str, host: str) -> str | None:
    """The AOR of the headers named; None where one is missing. Raises InvalidRecord."""
    if event.raw(user) is None or event.raw(host) is None:
        return None
    return event.aor(user, host)


def presence_user(presence_id: str | None) -> str | None:
    """The AOR in a channel's presence id; None where it has none (`park+*@…` is no user's)."""
    if not presence_id or "@" not in presence_id or "+" in presence_id.partition("@")[0][1:]:
        return None
    try:
        return aor_of(f"sip:{presence_id}")
    except MalformedUri:
        return None
