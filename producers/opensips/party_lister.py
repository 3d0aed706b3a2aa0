"""Queries MI for the parties of dialogs that no event named."""

from typing import Any

from producers.opensips import calls
from producers.opensips.intake import Intake
from producers.opensips.mi_replies import read_dialogs
from producers.refused import payload_of
from producers.sip_proxy.errors import MiError
from producers.sip_proxy.mi import Mi
from schemas.codec import InvalidRecord

_DIALOGS_A_ROUND = 20


class PartyLister:
    """Used in the lister's thread."""

    def __init__(self, mi: Mi, intake: Intake) -> None:
        self._mi = mi
        self._intake = intake

    def name_parties(self) -> None:
        """Publish the dialogs again, with their users."""
        for call_id in self._intake.take_anonymous(_DIALOGS_A_ROUND):
            try:
                rows = read_dialogs(self._mi.call("dlg_list", {"callid": call_id}))
            except MiError:
                continue  # it has ended, or there is no dialog module
            with self._intake.lock:
                for row in rows:
                    self._publish(row)

    def _publish(self, row: dict[str, Any]) -> None:
        intake = self._intake
        try:
            intake.publish(calls.name_by_listing(intake.context, intake.ticks.now(), row))
        except InvalidRecord as error:
            intake.refuse(payload_of(row), error.reason, error.field)
