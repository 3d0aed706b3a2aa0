"""Whether the server answers, and which listings failed: counted each time, and logged once."""

from collections.abc import Callable

from producers.sip_proxy.errors import ListingUnreadable, MiError, MiRefused
from runtime import logs, metrics

log = logs.get(__name__)


class ListingOutcomes:
    """Used in the lister's threads. `answers`: whether the server answered its last command."""

    def __init__(
        self, source: str, node: str, on_answer: Callable[[], None] = lambda: None
    ) -> None:
        """`on_answer` is called for each error answer, which shows that the server is alive."""
        self._labels = {"source": source, "node": node}
        self._on_answer = on_answer
        self._logged: dict[str, str] = {}  # by what is listed
        self.answers = False

    def failed(self, error: MiError, what: str) -> None:
        """`what` could not be listed."""
        self.answers = isinstance(error, MiRefused | ListingUnreadable)
        if self.answers:
            self._on_answer()
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        if self._is_new(what, error.reason):
            name, detail = type(error).__name__, str(error)
            log.warning("listing failed", what=what, reason=error.reason, error=name, detail=detail)

    def succeeded(self, what: str) -> None:
        """The next failure of `what` is logged again."""
        self._logged.pop(what, None)

    def count_snapshot(self, *, succeeded: bool) -> None:
        """A snapshot was published, or could not be taken."""
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "ok" if succeeded else "failed"})

    def log_once(self, what: str, message: str) -> None:
        """Log a fact about `what` is listed, unless it was the last one logged of it."""
        if self._is_new(what, message):
            log.warning(message, what=what, node=self._labels["node"])

    def _is_new(self, what: str, reason: str) -> bool:
        if self._logged.get(what) == reason:
            return False
        self._logged[what] = reason
        return True
