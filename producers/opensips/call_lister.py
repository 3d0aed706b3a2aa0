"""Asks MI for dialogs: who is in one that no event named, and all of them as a snapshot."""

from collections.abc import Callable
from typing import Any

from producers.opensips import calls
from producers.opensips.intake import Intake
from producers.opensips.listing import listed_dialog, read_dialogs
from producers.refused import payload_of
from producers.sip_proxy.call_records import DialogListing, ListedDialog
from producers.sip_proxy.errors import MiError, MiRefused
from producers.sip_proxy.mi import Mi
from producers.translated import Translated
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.vocabulary import CallKind

log = logs.get(__name__)

_DIALOGS_A_ROUND = 20
_CALLS = "calls"


class CallLister:
    """In the lister's thread; `failed` and `everywhere` are the lister's."""

    def __init__(
        self,
        mi: Mi,
        intake: Intake,
        failed: Callable[[MiError, str], None],
        everywhere: Callable[[Translated], None],
    ) -> None:
        self._mi = mi
        self._intake = intake
        self._failed = failed
        self._everywhere = everywhere
        self._is_partial = False

    def list_calls(self) -> None:
        """A snapshot of the dialogs: it ends the calls whose end nobody heard.

        None is taken where the server has no dialogs, or some calls without (accounting only).
        """
        with self._intake.lock:
            place = self._intake.context.origin(self._intake.ticks.now())
        listing = DialogListing(self._intake.node, place)
        outcome = "ok"
        try:
            dialogs = [listed_dialog(row) for row in read_dialogs(self._mi.call("dlg_list"))]
        except MiRefused:
            return
        except MiError as error:
            outcome = "failed"
            self._failed(error, _CALLS)
        else:
            with self._intake.lock:
                self._publish(listing, dialogs)
        labels = {"source": "opensips", "node": self._intake.node, "outcome": outcome}
        metrics.SNAPSHOTS.add(1, labels)

    def name_parties(self) -> None:
        """Ask for the parties of dialogs that no event named."""
        wanted = self._intake.take_anonymous(_DIALOGS_A_ROUND)
        for call_id in wanted:
            try:
                rows = read_dialogs(self._mi.call("dlg_list", {"callid": call_id}))
            except MiError:
                continue  # it has ended, or there is no dialog module
            with self._intake.lock:
                for row in rows:
                    self._publish_parties(row)

    def _publish(self, listing: DialogListing, listed: list[ListedDialog]) -> None:
        intake, context = self._intake, self._intake.context
        rows = listing.rows(listed, context.dialogs, context.users, intake.refuse)
        is_partial = context.dialogs.has_others()
        if is_partial and not self._is_partial:
            reason = "accounting reported a call that is no dialog"
            log.warning("calls are not listed", reason=reason)
        self._is_partial = is_partial
        if is_partial:
            return
        self._everywhere(listing.end(CallKind.SNAPSHOT_BEGAN))
        intake.publish(rows)
        self._everywhere(listing.end(CallKind.SNAPSHOT_ENDED))

    def _publish_parties(self, row: dict[str, Any]) -> None:
        intake = self._intake
        try:
            intake.publish(calls.name_by_listing(intake.context, intake.ticks.now(), row))
        except InvalidRecord as error:
            intake.refuse(payload_of(row), error.reason, error.field)
