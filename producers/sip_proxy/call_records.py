"""A dialog's progress, and listings of dialogs → calls: a record for each side that is a user.

Pure but for the dialog, which remembers what was published. For OpenSIPS' and Kamailio's dialogs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from producers.refused import payload_of
from producers.sip_proxy.dialogs import Dialog, Dialogs, Party
from producers.sip_proxy.users import Users
from producers.translated import Translated
from schemas.call import CallEvent
from schemas.codec import InvalidRecord, build
from schemas.sip_uri import MalformedUri, parse_uri
from schemas.topics import CALLS
from schemas.vocabulary import CallKind, CallState, Direction, HungUpBy

# dlg_hash.h of both: 1 unconfirmed, 2 early, 3 confirmed without ACK, 4 confirmed, 5 deleted.
KINDS = {
    1: CallKind.TRYING,
    2: CallKind.RINGING,
    3: CallKind.ANSWERED,
    4: CallKind.ANSWERED,
    5: CallKind.ENDED,
}
_STATES = {
    CallKind.TRYING: CallState.TRYING,
    CallKind.RINGING: CallState.RINGING,
    CallKind.ANSWERED: CallState.ANSWERED,
}
_CHALLENGES, _CANCELLED = (401, 407), 487
_RANK = {CallKind.TRYING: 0, CallKind.RINGING: 1, CallKind.ANSWERED: 2, CallKind.ENDED: 3}

# The fields of schemas.origin.Event, with this suffix of the id.
Origin = Callable[[str], dict[str, Any]]
# Publishes a dead letter: bytes, reason, field.
Refuse = Callable[[bytes, str, str | None], None]


def name_parties(users: Users, dialog: Dialog, caller: str | None, callee: str | None) -> None:
    """Set the parties that are not known yet: extras of a re-INVITE may have them swapped."""
    for party, uri in ((dialog.caller, caller), (dialog.callee, callee)):
        if party.uri is None and uri is not None:
            party.uri, party.aor = uri, users.party(uri)


def advance(
    origin: Origin, key: str, dialog: Dialog, kind: CallKind, **fields: Any
) -> list[Translated]:
    """The dialog has reached at least this kind. Returns a record for each side of which that was
    not published yet; where no side is a user, one of the whole dialog."""
    kind = _progress(dialog, kind)
    if kind is CallKind.ENDED:
        fields = {
            "status_code": dialog.status_code,
            "hung_up_by": dialog.hung_up_by,
            **fields,
        }
    records = []
    for name, party, other in _sides(dialog):
        if party.aor is not None and party.published is not kind:
            party.published = kind
            side = _side(key, dialog, name, party, other)
            records.append(_record(origin(f"/{name}"), kind, **side, **fields))
    # What was published without a user ends without one, though its users are known now.
    is_due = not _has_user(dialog) or (dialog.is_whole and kind is CallKind.ENDED)
    if is_due and dialog.published is not kind:
        dialog.is_whole = True
        records.append(_record(origin("/dialog"), kind, **_whole(key, dialog), **fields))
    dialog.published = kind
    return records


def note_refusal(dialog: Dialog, status: int | None, *, is_from_behind: bool) -> None:
    """Note who ended a call that was never answered, by the final answer to its INVITE.

    487 answers the caller's CANCEL (RFC 3261 §21.4.25). Any other one is the callee's side where it
    came from behind the proxy, else the proxy's own. After a challenge or a redirection (3xx) the
    call goes on.
    """
    if dialog.is_answered or status is None or status < 400 or status in _CHALLENGES:
        return
    if status == _CANCELLED:
        dialog.hung_up_by = HungUpBy.CALLER
    else:
        dialog.hung_up_by = HungUpBy.CALLEE if is_from_behind else HungUpBy.SERVER


def sip_status(number: int | None) -> int | None:
    """The number where it is a SIP status (RFC 3261 §7.2), else None."""
    return number if number is not None and 100 <= number <= 699 else None


def _progress(dialog: Dialog, kind: CallKind) -> CallKind:
    """The later of the dialog's kind and this one, which becomes the dialog's."""
    dialog.is_answered = dialog.is_answered or kind is CallKind.ANSWERED
    if dialog.kind is None or _RANK[kind] > _RANK[dialog.kind]:
        dialog.kind = kind
    return dialog.kind


class ListedDialog(NamedTuple):
    """One dialog of a listing; `mark` distinguishes it from others of its Call-ID, as in events."""

    call_id: str
    mark: str
    caller: str | None
    callee: str | None
    state: int


@dataclass(frozen=True, slots=True)
class DialogListing:
    """One listing of a node's dialogs. `place` is the origin of its beginning."""

    node: str
    place: dict[str, Any]

    def origin(self, suffix: str) -> dict[str, Any]:
        name = f"{self.place['id']}/calls"
        return {**self.place, "id": f"{name}/{suffix}", "snapshot": name}

    def end(self, kind: CallKind) -> Translated:
        """The record of its SNAPSHOT_BEGAN or SNAPSHOT_ENDED."""
        return Translated(CALLS, self.node, build(CallEvent, **self.origin(kind.value), kind=kind))

    def rows(
        self, listed: Iterable[ListedDialog], dialogs: Dialogs, users: Users, refuse: Refuse
    ) -> list[Translated]:
        """Rows of the users in these dialogs; `refuse` gets dialogs that cannot be read.

        What events reported of a dialog counts where it is later than the listing's state.
        """
        rows: list[Translated] = []
        for one in listed:
            try:
                rows += self._rows(one, dialogs, users)
            except InvalidRecord as error:
                refuse(payload_of(one._asdict()), error.reason, error.field)
        return rows

    def _rows(self, listed: ListedDialog, dialogs: Dialogs, users: Users) -> list[Translated]:
        kind = KINDS.get(listed.state)
        if kind is None or kind is CallKind.ENDED:
            return []
        key, dialog = dialogs.begin(listed.call_id, listed.mark)
        dialog.is_listed = True
        name_parties(users, dialog, listed.caller, listed.callee)
        _progress(dialog, kind)
        rows = [
            (f"{key}/{name}", _side(key, dialog, name, party, other))
            for name, party, other in _sides(dialog)
            if party.aor is not None
        ]
        if dialog.is_whole or not rows:
            dialog.is_whole = True
            rows.append((f"{key}/dialog", _whole(key, dialog)))
        row, state = CallKind.SNAPSHOT_ROW, _STATES[kind]
        return [_record(self.origin(id_), row, state=state, **side) for id_, side in rows]


def _has_user(dialog: Dialog) -> bool:
    return bool(dialog.caller.aor or dialog.callee.aor)


def _whole(key: str, dialog: Dialog) -> dict[str, Any]:
    """The leg that stands for a dialog of which no side is known to be a user."""
    return {
        "leg": key,
        "call": key,
        "sip_call_id": dialog.call_id,
        "correlation": dialog.correlation,
    }


def _sides(dialog: Dialog) -> tuple[tuple[str, Party, Party], ...]:
    return ("caller", dialog.caller, dialog.callee), ("callee", dialog.callee, dialog.caller)


def _side(key: str, dialog: Dialog, name: str, party: Party, other: Party) -> dict[str, Any]:
    return {
        "leg": f"{key}/{name}",
        "call": key,
        "sip_call_id": dialog.call_id,
        "correlation": dialog.correlation,
        "aor": party.aor,
        "direction": Direction.OUTGOING if name == "caller" else Direction.INCOMING,
        "peer": _user(other),
    }


def _record(origin: dict[str, Any], kind: CallKind, **fields: Any) -> Translated:
    record = build(CallEvent, **origin, kind=kind, **fields)
    return Translated(CALLS, record.aor or fields["leg"], record)


def _user(party: Party) -> str | None:
    """The user part of the other side's URI, which is what people read."""
    if party.uri is None:
        return None
    try:
        return parse_uri(party.uri).user or party.uri
    except MalformedUri:
        return None
