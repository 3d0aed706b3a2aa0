"""Why a delivery failed, named for what to do about it.

DeliveryFailed
├── ReceiverAway       wait, send the same again
├── ReceiverRefusesUs  settings must change; send again slowly, and log an error
├── BatchTooLarge      send it in halves
└── RecordsRefused     find the record at fault, write it to dead letters, go on
"""


class DeliveryFailed(Exception):
    """A request that did not deliver; `reason` is a short label for metrics."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class ReceiverAway(DeliveryFailed):
    """No connection, no answer in time, 408, 429 or 5xx; `retry_after` is in seconds."""

    def __init__(self, reason: str, detail: str, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


class ReceiverRefusesUs(DeliveryFailed):
    """401, 403, 404 and other permanent errors: the URL, the secret or the receiver is wrong."""


class BatchTooLarge(DeliveryFailed):
    """413: the receiver accepts only smaller batches."""


class RecordsRefused(DeliveryFailed):
    """400 or 422: at least one record of the batch is not acceptable, and never will be."""
