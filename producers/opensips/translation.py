"""From the server's events to records of the contract. One table: event name → translator.

Pure but for the context, which remembers contacts and dialogs.
"""

from collections.abc import Callable

from producers.opensips import calls, connections, edge, registrations, removals, status
from producers.opensips.context import Context
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated

Translator = Callable[[ServerEvent, Context, Received], list[Translated]]

# E_UL_CONTACT_REFRESH is ignored: it asks the script to wake a phone by a push, and does not show
# whether the phone answers.
TRANSLATORS: dict[str, Translator] = {
    "E_UL_CONTACT_INSERT": registrations.translate_insert,
    "E_UL_CONTACT_UPDATE": registrations.translate_update,
    "E_UL_CONTACT_DELETE": removals.translate_delete,
    "E_UL_AOR_INSERT": registrations.translate_record,
    "E_UL_AOR_DELETE": registrations.translate_record,
    "E_UL_LATENCY_UPDATE": removals.translate_latency,
    "E_EDGE_REGISTER": edge.translate_edge_register,
    "E_CORE_TCP_DISCONNECT": connections.translate_disconnect,
    "E_DLG_STATE_CHANGED": calls.translate_dialog,
    "E_ROLLCALL_CALL": calls.translate_parties,
    "E_ACC_EVENT": calls.translate_accounting,
    "E_ACC_MISSED_EVENT": calls.translate_accounting,
    "E_ACC_CDR": calls.translate_cdr,
    "E_CORE_SR_STATUS_CHANGED": status.translate_server_status,
    "E_PIKE_BLOCKED": status.translate_status,
    "E_DISPATCHER_STATUS": status.translate_status,
    "E_LOAD_BALANCER_STATUS": status.translate_status,
    "E_RTPENGINE_STATUS": status.translate_status,
    "E_CLUSTERER_NODE_STATE_CHANGED": status.translate_status,
}


def translate(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The records of one event; none where it concerns no user or node.

    Raises schemas.codec.InvalidRecord with the name of the parameter.
    """
    translator = TRANSLATORS.get(event.name)
    return translator(event, context, received) if translator else []
