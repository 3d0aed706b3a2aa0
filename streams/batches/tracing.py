"""Passes the trace of an event on to the records that it causes (W3C Trace Context)."""

import os
import re

_PARTS = re.compile(rb"([0-9a-f]{2}-[0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})").fullmatch


def child_of(traceparent: bytes | None) -> str | None:
    """A traceparent of the same trace with a span id of its own; None where there is no trace."""
    match = _PARTS(traceparent or b"")
    if match is None:
        return None
    return f"{match[1].decode()}-{os.urandom(8).hex()}-{match[2].decode()}"
