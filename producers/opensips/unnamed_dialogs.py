"""Dialogs of which events have named no user: their Call-IDs, until MI is queried for them."""

from collections import OrderedDict

from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.vocabulary import CallKind

_CALLS_MAX = 1000


class UnnamedDialogs:
    """Bounded: beyond it a dialog stays without users. Callers hold the intake's lock."""

    def __init__(self) -> None:
        self._call_ids: OrderedDict[str, None] = OrderedDict()

    def note(self, event: ServerEvent, records: list[Translated]) -> None:
        """Remember the dialog of an event whose records name no user."""
        if event.name != "E_DLG_STATE_CHANGED":
            return
        if any(r.event.aor is None and r.event.kind is not CallKind.ENDED for r in records):
            self.add(records[0].event.sip_call_id)

    def add(self, call_id: str | None) -> None:
        if call_id and len(self._call_ids) < _CALLS_MAX:
            self._call_ids[call_id] = None

    def take(self, limit: int) -> list[str]:
        """Remove and return Call-IDs, the oldest first."""
        count = min(limit, len(self._call_ids))
        return [self._call_ids.popitem(last=False)[0] for _ in range(count)]
