"""E_DLG_STATE_CHANGED and accounting → calls: each side's user, joined by Call-ID and From tag.

Pure but for the context's memory of dialogs. E_DLG events name no URI (dlg_handlers.c): users
come from E_ROLLCALL_CALL, which the script raises when it creates the dialog; from MI's dlg_list;
or, late, from the accounting's extras. Until then a dialog is published without a user.
"""

from functools import partial
from typing import Any

from producers.opensips.context import Context
from producers.receive_times import Received
from producers.sip_proxy.call_records import (
    KINDS,
    Origin,
    advance,
    name_parties,
    note_refusal,
    sip_status,
)
from producers.sip_proxy.dialogs import Dialog
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.codec import InvalidRecord
from schemas.vocabulary import CallKind, HungUpBy


def translate_dialog(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A dialog's next state, for each user known to be in it. Raises InvalidRecord."""
    kind = KINDS.get(event.required_number("new_state"))
    if kind is None:
        raise InvalidRecord("new_state", "no state of a dialog")
    key, dialog = _dialog(event, context, kind)
    if dialog.previous is not None and event.identifier("db_id") == dialog.previous:
        return []  # late: of the attempt before
    dialog.is_listed = True
    return advance(_origin(context, received), key, dialog, kind)


def translate_parties(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """E_ROLLCALL_CALL: the script names the parties of a new call. Raises InvalidRecord."""
    call_id, tag = event.required("callid"), event.required("from_tag")
    key, dialog = context.dialogs.begin(call_id, tag)
    if dialog.kind is CallKind.ENDED:
        key, dialog = context.dialogs.begin_again(call_id, tag)
    name_parties(context.users, dialog, event.identifier("caller"), event.identifier("callee"))
    dialog.correlation = dialog.correlation or event.identifier("correlation")
    return advance(_origin(context, received), key, dialog, dialog.kind or CallKind.TRYING)


def translate_accounting(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """E_ACC_EVENT: an INVITE's final answer, or a BYE. E_ACC_MISSED_EVENT: one failed branch.

    Raises InvalidRecord.
    """
    method, status = event.required("method"), sip_status(event.number("sip_code"))
    call_id, from_tag = event.required("callid"), event.required("from_tag")
    found = context.dialogs.find(call_id, from_tag, event.identifier("to_tag"))
    key, dialog = found or context.dialogs.begin(call_id, from_tag)
    is_callers = context.dialogs.find(call_id, from_tag) is not None
    known = _end_of(dialog)
    if method == "INVITE":
        _name_by_extras(event, context, dialog)
        dialog.status_code = status or dialog.status_code
        # An answer of OpenSIPS' own has no tag of the callee's (acc_logic.c: FAKED_REPLY).
        note_refusal(dialog, status, is_from_behind=event.identifier("to_tag") is not None)
        _publish_anew(dialog, known)
        if event.name == "E_ACC_MISSED_EVENT":
            kind = dialog.kind or CallKind.TRYING  # another branch may still answer
        else:
            kind = CallKind.ANSWERED if status and status < 300 else CallKind.ENDED
        return advance(_origin(context, received), key, dialog, kind)
    if method == "BYE":
        if found is not None:
            # Its From tag is the sender's, unless acc's detect_direction swaps it.
            side = HungUpBy.CALLER if is_callers else HungUpBy.CALLEE
            dialog.hung_up_by = dialog.hung_up_by or side
            _publish_anew(dialog, known)
        return advance(_origin(context, received), key, dialog, CallKind.ENDED)
    if found is None:
        context.dialogs.forget(key)
    return []


def translate_cdr(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The whole call in one record, once its BYE has been answered. Raises InvalidRecord."""
    key, dialog = context.dialogs.begin(event.required("callid"), event.required("from_tag"))
    _name_by_extras(event, context, dialog)
    dialog.status_code = sip_status(event.number("sip_code")) or dialog.status_code
    dialog.publish_end_again()  # with the duration
    talked = event.number("ms_duration")
    records = advance(_origin(context, received), key, dialog, CallKind.ENDED, duration_ms=talked)
    context.dialogs.forget(key)
    return records


def name_by_listing(context: Context, received: Received, row: dict[str, Any]) -> list[Translated]:
    """Records of a dialog with the parties in its row of dlg_list, which no event named."""
    call_id, tag = row.get("callid"), row.get("caller_tag")
    if not isinstance(call_id, str) or not isinstance(tag, str):
        return []
    found = context.dialogs.find(call_id, tag)
    if found is None or found[1].kind is None:
        return []
    key, dialog = found
    name_parties(context.users, dialog, _uri(row.get("from_uri")), _uri(row.get("to_uri")))
    assert dialog.kind is not None
    return advance(_origin(context, received), key, dialog, dialog.kind)


def _dialog(event: ServerEvent, context: Context, kind: CallKind) -> tuple[str, Dialog]:
    """The dialog of an event; a new one where another of its Call-ID and tag has ended.

    Events of several processes may come out of order: only another `db_id` shows another dialog.
    """
    call_id, tag = event.required("callid"), event.required("from_tag")
    number = event.identifier("db_id")
    key, dialog = context.dialogs.begin(call_id, tag)
    is_other = number is not None and dialog.number not in (None, number)
    if dialog.kind is CallKind.ENDED and is_other and kind is not CallKind.ENDED:
        key, dialog = context.dialogs.begin_again(call_id, tag)
    if number != dialog.previous:
        dialog.number = dialog.number or number
    return key, dialog


def _end_of(dialog: Dialog) -> tuple[int | None, HungUpBy | None]:
    return dialog.status_code, dialog.hung_up_by


def _publish_anew(dialog: Dialog, known: tuple[int | None, HungUpBy | None]) -> None:
    """Accounting comes after the dialog's end: publish that again where it adds to it."""
    if dialog.kind is CallKind.ENDED and _end_of(dialog) != known:
        dialog.publish_end_again()


def _uri(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _name_by_extras(event: ServerEvent, context: Context, dialog: Dialog) -> None:
    name_parties(
        context.users,
        dialog,
        event.identifier(context.caller_extra),
        event.identifier(context.callee_extra),
    )


def _origin(context: Context, received: Received) -> Origin:
    return partial(context.origin, received)
