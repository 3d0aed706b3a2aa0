"""Third step of an event: from the switch's events to records of the contract.

Pure but for the context, which remembers legs of calls. One table: event name → translator.
"""

from collections.abc import Callable

from producers.freeswitch import (
    calls,
    connections,
    nodes,
    registrations,
    speech,
    speech_events,
    verto,
)
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.translated import Translated

Translator = Callable[[SwitchEvent, Context], list[Translated]]

CHANNEL_EVENTS: dict[str, Translator] = dict.fromkeys(calls.KINDS, calls.translate)
CORE_EVENTS: dict[str, Translator] = {
    "DTMF": calls.translate_digit,
    "HEARTBEAT": nodes.translate_heartbeat,
    "SHUTDOWN": nodes.translate_shutdown,
}
# Subclasses of CUSTOM. sofia::pre_register and sofia::register_attempt are challenges, of INVITEs
# too, and never registrations: not even subscribed.
CUSTOM_EVENTS: dict[str, Translator] = {
    "sofia::register": registrations.translate_register,
    "sofia::unregister": registrations.translate_unregister,
    "sofia::expire": registrations.translate_expire,
    "sofia::register_failure": registrations.translate_failure,
    "sofia::sip_user_state": registrations.translate_ping,
    "sofia::tp_error": connections.translate_error,
    "verto::login": verto.translate_login,
    "verto::client_disconnect": verto.translate_disconnect,
}
_TRANSLATORS = CHANNEL_EVENTS | CORE_EVENTS | CUSTOM_EVENTS


def subscription(*, with_digits: bool = False, with_speech: bool = True) -> str:
    """The command that subscribes to what is translated; digits and speech where they are wanted.

    mod_event_socket: everything after CUSTOM is a subclass.
    """
    core = [name for name in CORE_EVENTS if with_digits or name != "DTMF"]
    customs = [*CUSTOM_EVENTS]
    if with_speech:
        core += speech_events.EVENTS
        customs += speech_events.CUSTOM_EVENTS
    return " ".join(("event json", *core, *CHANNEL_EVENTS, "CUSTOM", *customs))


def translate(event: SwitchEvent, context: Context) -> list[Translated]:
    """The records of one event; none for an event without a translator.

    Raises schemas.codec.InvalidRecord naming the header at fault.
    """
    translator = _TRANSLATORS.get(event.name)
    records = translator(event, context) if translator else []
    return records + speech.translate(event, context)
