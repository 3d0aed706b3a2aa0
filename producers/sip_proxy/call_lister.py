"""Lists a server's dialogs as a snapshot, which ends the calls whose end no event reported."""

from collections.abc import Callable
from typing import Any

from producers.sip_proxy.call_records import DialogListing, ListedDialog
from producers.sip_proxy.context import ProxyContext
from producers.sip_proxy.errors import MiError, MiRefused
from producers.sip_proxy.inbox_intake import InboxIntake
from producers.sip_proxy.listing_outcomes import ListingOutcomes
from producers.sip_proxy.mi import Mi
from schemas.vocabulary import CallKind

_CALLS = "calls"


class CallLister:
    """Used in the lister's thread."""

    def __init__(
        self,
        mi: Mi,
        command: str,
        read: Callable[[Any], list[ListedDialog]],
        intake: InboxIntake[Any, Any],
        outcomes: ListingOutcomes,
        *,
        lists_all: Callable[[], bool] = lambda: True,
    ) -> None:
        """`lists_all`: whether the server lists every call it has reported."""
        self._mi = mi
        self._command = command
        self._read = read
        self._intake = intake
        self._outcomes = outcomes
        self._lists_all = lists_all

    def list_calls(self) -> None:
        """Publish a snapshot; none where the server has no dialogs, or reports other calls too."""
        intake = self._intake
        context: ProxyContext = intake.context
        began, boot = intake.ticks.now(), context.boot
        listing = DialogListing(context.node, context.origin(began))
        try:
            dialogs = self._read(self._mi.call(self._command))
        except MiRefused:
            return
        except MiError as error:
            self._outcomes.failed(error, _CALLS)
            self._outcomes.count_snapshot(succeeded=False)
            return
        with intake.lock:
            if boot != context.boot:
                return
            rows = listing.rows(dialogs, context.dialogs, context.users, intake.refuse)
            if self._lists_all():
                intake.publish_everywhere(listing.end(CallKind.SNAPSHOT_BEGAN))
                intake.publish(rows)
                intake.publish_everywhere(listing.end(CallKind.SNAPSHOT_ENDED))
        self._outcomes.succeeded(_CALLS)
        self._outcomes.count_snapshot(succeeded=True)
