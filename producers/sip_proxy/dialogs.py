"""The dialogs that events have reported: their parties, and what was published of them.

OpenSIPS' E_DLG events name no user; accounting, MI and the script do.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from schemas.vocabulary import CallKind

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

    `is_listed`: the server lists it as a dialog.
    """

    __slots__ = ("call_id", "callee", "caller", "is_listed", "kind", "published", "status_code")

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.caller, self.callee = Party(), Party()
        self.kind: CallKind | None = None
        self.published: CallKind | None = None
        self.status_code: int | None = None
        self.is_listed = False


class Dialogs:
    """By `dialog_key`. Bounded: the oldest beyond MAX_DIALOGS are forgotten."""

    def __init__(self) -> None:
        self._dialogs: OrderedDict[str, Dialog] = OrderedDict()

    def find(self, call_id: str, *tags: str | None) -> tuple[str, Dialog] | None:
        """The dialog whose caller has one of these tags."""
        for tag in tags:
            if tag is not None:
                key = dialog_key(call_id, tag)
                if key in self._dialogs:
                    return key, self._dialogs[key]
        return None

    def begin(self, call_id: str, mark: str) -> tuple[str, Dialog]:
        """The dialog, made if it is new."""
        key = dialog_key(call_id, mark)
        dialog = self._dialogs.get(key)
        if dialog is None:
            dialog = self._dialogs[key] = Dialog(call_id)
            if len(self._dialogs) > MAX_DIALOGS:
                self._dialogs.popitem(last=False)
        return key, dialog

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
