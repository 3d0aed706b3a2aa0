"""The script's dialog events → calls: each side's user, joined by Call-ID and dialog number.

Pure but for the context's memory of dialogs. The dialog module has no event for ringing: the script
reports it for a provisional reply. Nor has it one for the beginning of a dialog:
event_route[dialog:start] is the answer.
"""

from functools import partial

from producers.kamailio.context import Context
from producers.kamailio.event import time_of
from producers.receive_times import Received
from producers.sip_proxy.call_records import advance, name_parties, note_refusal, sip_status
from producers.sip_proxy.dialogs import Dialog
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.vocabulary import CallKind, HungUpBy

KINDS = {
    "call": CallKind.TRYING,
    "ringing": CallKind.RINGING,
    "dialog:start": CallKind.ANSWERED,
    "dialog:end": CallKind.ENDED,
    "dialog:failed": CallKind.ENDED,
}


def translate_call(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The dialog's progress, for each user known to be in it. Raises InvalidRecord."""
    kind, at = KINDS[event.name], time_of(event, received.at)
    call_id, number = event.required("callid"), event.identifier("h_id") or ""
    caller = event.identifier("caller") or event.identifier("from")
    callee = event.identifier("callee") or event.identifier("to")
    status, life = sip_status(event.number("rs")), event.number("life")
    key, dialog = context.dialogs.begin(call_id, number)
    name_parties(context.users, dialog, caller, callee)
    dialog.status_code = status or dialog.status_code
    _note_end(event, dialog, status)
    dialog.correlation = dialog.correlation or event.identifier("correlation")
    fields = {"duration_ms": life * 1000} if kind is CallKind.ENDED and life is not None else {}
    origin = partial(context.origin, Received(at, received.seq))
    records = advance(origin, key, dialog, kind, **fields)
    if kind is CallKind.ENDED:
        context.dialogs.forget(key)
    return records


def _note_end(event: ServerEvent, dialog: Dialog, status: int | None) -> None:
    """Who ended it, as far as the script reports the message of the end (dlg_handlers.c).

    `rs` is the status of an answer from behind: of Kamailio's own there is none. Where Kamailio
    ends a dialog itself the event's message is one that it made up, and no BYE.
    """
    if event.name == "dialog:failed":
        note_refusal(dialog, status, is_from_behind=True)
    if event.name != "dialog:end" or (method := event.identifier("method")) is None:
        return
    sender, caller = event.identifier("from_tag"), event.identifier("caller_tag")
    if method != "BYE" or sender is None or caller is None:
        dialog.hung_up_by = HungUpBy.SERVER if method != "BYE" else None
    else:
        dialog.hung_up_by = HungUpBy.CALLER if sender == caller else HungUpBy.CALLEE
