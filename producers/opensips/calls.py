"""E_DLG_STATE_CHANGED and accounting → calls: each side's user, joined by Call-ID and From tag.

Pure but for the context's memory of dialogs. E_DLG events name no URI (dlg_handlers.c): users
come from E_ROLLCALL_CALL, which the script raises when it creates the dialog; from MI dlg_list;
or, late, from the accounting's extras. Until one of them speaks, a dialog is told without a user.
"""

from typing import Any

from producers.opensips.context import Context, Received, Translated
from producers.opensips.dialogs import Dialog, Party
from producers.opensips.event import ServerEvent
from schemas.call import CallEvent
from schemas.codec import InvalidRecord, build
from schemas.sip_uri import MalformedUri, parse_uri
from schemas.topics import CALLS
from schemas.vocabulary import CallKind, Direction

# dlg_hash.h: 1 unconfirmed, 2 early, 3 confirmed without ACK, 4 confirmed, 5 deleted.
_KINDS = {
    1: CallKind.TRYING,
    2: CallKind.RINGING,
    3: CallKind.ANSWERED,
    4: CallKind.ANSWERED,
    5: CallKind.ENDED,
}
_RANK = {CallKind.TRYING: 0, CallKind.RINGING: 1, CallKind.ANSWERED: 2, CallKind.ENDED: 3}


def translate_dialog(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A dialog's next state, for each user known to be in it."""
    kind = _KINDS.get(event.required_number("new_state"))
    if kind is None:
        raise InvalidRecord("new_state", "no state of a dialog")
    key, dialog = context.dialogs.begin(event.required("callid"), event.required("from_tag"))
    return _advance(context, received, key, dialog, kind)


def translate_parties(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """E_ROLLCALL_CALL: the script names the parties of a call it has just begun."""
    key, dialog = context.dialogs.begin(event.required("callid"), event.required("from_tag"))
    name_parties(context, dialog, event.word("caller"), event.word("callee"))
    return _advance(context, received, key, dialog, dialog.kind or CallKind.TRYING)


def translate_accounting(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """E_ACC_EVENT: an INVITE's final answer, or a BYE. E_ACC_MISSED_EVENT: one failed branch."""
    method, status = event.required("method"), _status(event)
    call_id, from_tag = event.required("callid"), event.required("from_tag")
    found = context.dialogs.find(call_id, from_tag, event.word("to_tag"))
    key, dialog = found or context.dialogs.begin(call_id, from_tag)
    if method == "INVITE":
        _name_by_extras(event, context, dialog)
        dialog.status_code = status or dialog.status_code
        if event.name == "E_ACC_MISSED_EVENT":
            kind = dialog.kind or CallKind.TRYING  # another branch may still answer
        else:
            kind = CallKind.ANSWERED if status and status < 300 else CallKind.ENDED
        return _advance(context, received, key, dialog, kind)
    if method == "BYE":
        return _advance(context, received, key, dialog, CallKind.ENDED)
    if found is None:
        context.dialogs.forget(key)
    return []


def translate_cdr(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The whole call in one record, once its BYE has been answered."""
    key, dialog = context.dialogs.begin(event.required("callid"), event.required("from_tag"))
    _name_by_extras(event, context, dialog)
    dialog.status_code = _status(event) or dialog.status_code
    dialog.told = dialog.caller.told = dialog.callee.told = None  # once more, with the duration
    talked = event.number("ms_duration")
    records = _advance(context, received, key, dialog, CallKind.ENDED, duration_ms=talked)
    context.dialogs.forget(key)
    return records


def name_parties(context: Context, dialog: Dialog, caller: str | None, callee: str | None) -> None:
    """Whoever names them first counts: extras of a re-INVITE may have them swapped."""
    for party, uri in ((dialog.caller, caller), (dialog.callee, callee)):
        if party.uri is None and uri is not None:
            party.uri, party.aor = uri, context.users.party(uri)


def name_by_listing(context: Context, received: Received, row: dict[str, Any]) -> list[Translated]:
    """What MI dlg_list says of a dialog whose parties no event named."""
    call_id, tag = row.get("callid"), row.get("caller_tag")
    if not isinstance(call_id, str) or not isinstance(tag, str):
        return []
    found = context.dialogs.find(call_id, tag)
    if found is None or found[1].kind is None:
        return []
    key, dialog = found
    name_parties(context, dialog, _uri(row.get("from_uri")), _uri(row.get("to_uri")))
    assert dialog.kind is not None
    return _advance(context, received, key, dialog, dialog.kind)


def _uri(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _name_by_extras(event: ServerEvent, context: Context, dialog: Dialog) -> None:
    name_parties(
        context, dialog, event.word(context.caller_extra), event.word(context.callee_extra)
    )


def _status(event: ServerEvent) -> int | None:
    number = event.number("sip_code")
    return number if number is not None and 100 <= number <= 699 else None


def _advance(
    context: Context,
    received: Received,
    key: str,
    dialog: Dialog,
    kind: CallKind,
    **fields: Any,
) -> list[Translated]:
    """The dialog is at least this far; records for every side that was not told so yet."""
    if dialog.kind is None or _RANK[kind] > _RANK[dialog.kind]:
        dialog.kind = kind
    kind = dialog.kind
    if kind is CallKind.ENDED:
        fields = {"status_code": dialog.status_code, **fields}
    sides = ((dialog.caller, dialog.callee, "caller"), (dialog.callee, dialog.caller, "callee"))
    records = []
    for party, other, name in sides:
        if party.aor is not None and party.told is not kind:
            party.told = kind
            direction = Direction.OUTGOING if name == "caller" else Direction.INCOMING
            record = _record(
                context,
                received,
                key,
                dialog,
                kind,
                leg=f"{key}/{name}",
                aor=party.aor,
                direction=direction,
                peer=_user(other),
                **fields,
            )
            records.append(record)
    if not records and dialog.told is not kind and not (dialog.caller.aor or dialog.callee.aor):
        records.append(_record(context, received, key, dialog, kind, leg=key, **fields))
    dialog.told = kind
    return records


def _record(
    context: Context,
    received: Received,
    key: str,
    dialog: Dialog,
    kind: CallKind,
    *,
    leg: str,
    **fields: Any,
) -> Translated:
    record = build(
        CallEvent,
        **context.origin(received, f"/{leg.partition('/')[2] or 'dialog'}"),
        kind=kind,
        leg=leg,
        call=key,
        sip_call_id=dialog.call_id,
        **fields,
    )
    return Translated(CALLS, record.aor or leg, record)


def _user(party: Party) -> str | None:
    """As people read it: the user part of the other side's URI."""
    if party.uri is None:
        return None
    try:
        return parse_uri(party.uri).user or party.uri
    except MalformedUri:
        return None
