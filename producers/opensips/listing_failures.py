"""Whether MI answers, and what it could not list: counted each time, logged once."""

from producers.opensips.intake import Intake
from producers.sip_proxy.errors import ListingUnreadable, MiError, MiRefused
from runtime import logs, metrics

log = logs.get(__name__)


class ListingFailures:
    """In the lister's thread. `answers`: whether the server answered its last question."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._labels = {"source": "opensips", "node": intake.node}
        self._logged: dict[str, str] = {}  # what could not be listed, and why
        self.answers = False

    def failed(self, error: MiError, what: str) -> None:
        """`what` could not be listed; an answer, even of an error, is a sign of life."""
        self.answers = isinstance(error, MiRefused | ListingUnreadable)
        if self.answers:
            with self._intake.lock:
                self._intake.server.heard()
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        self.log_once(what, error.reason, error=type(error).__name__, detail=str(error))

    def succeeded(self, what: str) -> None:
        """The next failure of `what` is logged again."""
        self._logged.pop(what, None)

    def log_once(self, what: str, reason: str, **details: str) -> None:
        """Log why `what` is not listed, unless that was the last reason logged of it."""
        if self._logged.get(what) != reason:
            self._logged[what] = reason
            log.warning("MI gives no listing", what=what, reason=reason, **details)
