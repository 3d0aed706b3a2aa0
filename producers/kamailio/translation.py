"""From what the script says to records of the contract. One table: event name → translator.

Pure but for the context, which remembers contacts and dialogs.
"""

from collections.abc import Callable

from producers.kamailio import calls, expired, register_header, registrations
from producers.kamailio.context import Context
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated

Translator = Callable[[ServerEvent, Context, Received], list[Translated]]

# tcp:closed, tcp:reset and tcp:timeout are left to the kernel watcher, which knows the connection
# by its cookie; the script's events name only an address, which the next client may have.
TRANSLATORS: dict[str, Translator] = {
    "register": registrations.translate_register,
    "edge": register_header.translate_edge,
    "usrloc:contact-expired": expired.translate_expired,
    **dict.fromkeys(calls.KINDS, calls.translate_call),
}
# Of changes that usrloc made to its table: one that cannot be read leaves a user unclear.
TABLE_EVENTS = frozenset({"register", "usrloc:contact-expired"})


def translate(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """Records of one event, none if it says nothing about anyone.

    Raises schemas.codec.InvalidRecord naming the parameter at fault.
    """
    translator = TRANSLATORS.get(event.name)
    return translator(event, context, received) if translator else []
