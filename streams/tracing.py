"""Carrying an event's trace on to the records it causes (W3C Trace Context)."""

import os


def child_of(traceparent: bytes | None) -> str | None:
    """A traceparent of the same trace with a span id of its own; None where there is no trace."""
    if traceparent is None:
        return None
    parts = traceparent.split(b"-")
    if len(parts) != 4 or len(parts[1]) != 32:
        return None
    return f"{parts[0].decode()}-{parts[1].decode()}-{os.urandom(8).hex()}-{parts[3].decode()}"
