"""The dialogs that events have reported: their parties, and what was published of them.

OpenSIPS' E_DLG events name no user; accounting, MI and the script do.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from schemas.vocabulary import CallKind, HungUpBy

MAX_DIALOGS = 100_000


def dialog_key(call_id: str, mark: str) -> str:
    """A text of fixed length; `mark` is the dialog's From tag, or the server's own number of it.

    The caller chooses Call-ID and tag, of any length.
    """
    data = f"{call_id}\0{mark}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=12).hexdigest()


@dataclass(slots=True)
class Party:
    """One side of a call: its URI in the server's events, its AOR where it is a user.

    `published` is the last kind published for this user.
    """

    uri: str | None = None
    aor: str | None = None
    published: CallKind | None = None


class Dialog:
    """`kind` is the call's progress; `published`, the last kind published without a user.

    `is_listed`: the server lists it as a dialog. `is_whole`: it was published without a user.
    `number`: the server's own of the dialog; `previous`, of the one in whose place it is.
    `is_answered`: it was once; `hung_up_by`: which side ended it, where an event shows that.
    """

    __slots__ = (
        "call_id",
        "callee",
        "caller",
        "correlation",
        "hung_up_by",
        "is_answered",
        "is_listed",
        "is_whole",
        "kind",
        "number",
        "previous",
        "published",
        "status_code",
    )

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.caller, self.callee = Party(), Party()
        self.kind: CallKind | None = None
        self.published: CallKind | None = None
        self.status_code: int | None = None
        self.hung_up_by: HungUpBy | None = None
        self.is_answered = False
        self.is_listed = False
        self.is_whole = False
        self.correlation: str | None = None
        self.number: str | None = None
        self.previous: str | None = None

    def publish_end_again(self) -> None:
        """The end that was published lacks what is known now."""
        self.published = self.caller.published = self.callee.published = None


class Dialogs:
    """By `dialog_key`. Bounded: the oldest beyond MAX_DIALOGS are forgotten."""

    def __init__(self) -> None:
        self._dialogs: OrderedDict[str, Dialog] = OrderedDict()
        # Of INVITEs that were sent again: the key of the present attempt, by that of the first.
        self._attempts: OrderedDict[str, str] = OrderedDict()

    def find(self, call_id: str, *tags: str | None) -> tuple[str, Dialog] | None:
        """The dialog whose caller has one of these tags."""
        for tag in tags:
            if tag is not None:
                key = self._key(call_id, tag)
                if key in self._dialogs:
                    return key, self._dialogs[key]
        return None

    def begin(self, call_id: str, mark: str) -> tuple[str, Dialog]:
        """The dialog, made if it is new."""
        key = self._key(call_id, mark)
        dialog = self._dialogs.get(key)
        return (key, dialog) if dialog is not None else (key, self._add(key, call_id))

    def begin_again(self, call_id: str, mark: str) -> tuple[str, Dialog]:
        """A new dialog in the place of one that has ended: an INVITE that was challenged comes
        again with the same Call-ID and From tag (RFC 3261 §22.2)."""
        old = self._key(call_id, mark)
        ended = self._dialogs.pop(old, None)
        key = dialog_key(old, "again")
        first = dialog_key(call_id, mark)
        self._attempts[first] = key
        self._attempts.move_to_end(first)
        if len(self._attempts) > MAX_DIALOGS:
            self._attempts.popitem(last=False)
        dialog = self._add(key, call_id)
        dialog.previous = ended.number if ended is not None else None
        return key, dialog

    def _key(self, call_id: str, mark: str) -> str:
        key = dialog_key(call_id, mark)
        return self._attempts.get(key, key)

    def _add(self, key: str, call_id: str) -> Dialog:
        dialog = self._dialogs[key] = Dialog(call_id)
        if len(self._dialogs) > MAX_DIALOGS:
            self._dialogs.popitem(last=False)
        return dialog

    def has_others(self) -> bool:
        """Whether answered calls are known that are in no listing: accounting reported them."""
        return any(
            dialog.kind is CallKind.ANSWERED and not dialog.is_listed
            for dialog in self._dialogs.values()
        )

    def forget(self, key: str) -> None:
        self._dialogs.pop(key, None)

    def clear(self) -> None:
        self._dialogs.clear()
        self._attempts.clear()
