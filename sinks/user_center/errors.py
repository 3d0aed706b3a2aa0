"""What can go wrong with a delivery, named for what to do about it.

DeliveryFailed
├── ReceiverAway       wait, send the same again
├── ReceiverRefusesUs  somebody must change something; send again slowly, and say so
├── BatchTooLarge      send it in halves
└── RecordsRefused     find the record at fault, put it aside, go on
"""


class DeliveryFailed(Exception):
    """A request that did not deliver; `reason` is a short label for metrics."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class ReceiverAway(DeliveryFailed):
    """No connection, no answer in time, 408, 429 or 5xx; `retry_after` in seconds if it said."""

    def __init__(self, reason: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


class ReceiverRefusesUs(DeliveryFailed):
    """401, 403, 404 and other answers that no waiting cures: URL, secret or receiver is wrong."""


class BatchTooLarge(DeliveryFailed):
    """413: the receiver takes less at once."""


class RecordsRefused(DeliveryFailed):
    """400 or 422: at least one record of the batch is not acceptable, and never will be."""
