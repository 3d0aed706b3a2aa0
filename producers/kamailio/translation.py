"""From the script's events to records of the contract. One table: event name → translator.

Pure but for the context, which remembers bindings and dialogs.
"""

from collections.abc import Callable

from producers.kamailio import calls, expired, register_header, registrations
from producers.kamailio.context import Context
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated

Translator = Callable[[ServerEvent, Context, Received], list[Translated]]

# tcp:closed, tcp:reset and tcp:timeout are ignored: the kernel watcher reports the same ends with
# the connection's cookie; the script's events name only an address, which the next client may have.
TRANSLATORS: dict[str, Translator] = {
    "register": registrations.translate_register,
    "edge": register_header.translate_edge,
    "usrloc:contact-expired": expired.translate_expired,
    **dict.fromkeys(calls.KINDS, calls.translate_call),
}
# Events of changes in usrloc's table: where one cannot be read, the user is listed.
TABLE_EVENTS = frozenset({"register", "usrloc:contact-expired"})


def translate(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The records of one event; none where it concerns no user.

    Raises schemas.codec.InvalidRecord with the name of the parameter.
    """
    translator = TRANSLATORS.get(event.name)
    return translator(event, context, received) if translator else []
