"""Requests and connections that the gateway refuses: counted all, logged some."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from runtime import logs, metrics
from sinks.gateway.errors import Refused
from sinks.gateway.limits.refusal_log import RefusalLog

log = logs.get(__name__)


class Refusals:
    """The counts by reason since the start of this process. `clock` only goes forward, in s."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._log = RefusalLog()
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """By reason."""
        return dict(self._counts)

    def refuse(self, refusal: Refused, address: str, client: str | None = None) -> None:
        """Count and log a request answered with an error; of many only some are logged."""
        why = getattr(refusal, "why", None) or str(refusal)
        self._refuse(refusal.reason, address, client, detail=why, field=refusal.field)

    def refuse_connection(self, reason: str, address: str) -> None:
        """The same for a connection that is closed without an answer, or with one of the guard."""
        self._refuse(reason, address, None)

    def _refuse(self, reason: str, address: str, client: str | None, **details: Any) -> None:
        self._counts[reason] += 1
        metrics.GATEWAY_REFUSED.add(1, {"reason": reason})
        more = self._log.admit(reason, client or address, self._clock())
        if more is not None:
            log.warning(
                "request refused",
                reason=reason,
                address=address,
                client=client,
                **{name: value for name, value in details.items() if value is not None},
                **more,
            )
