"""Reads the body of an HTTP answer within bounds: so many bytes, and so much time for all of it."""

import time

import httpx


def read_body(response: httpx.Response, max_bytes: int, deadline: float) -> bytes:
    """The whole body, decoded as its headers say; `deadline` is of time.monotonic.

    Raises httpx.ReadError where it does not end, ReadTimeout, and httpx's other RequestErrors.
    """
    parts: list[bytes] = []
    size = 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > max_bytes:
            raise httpx.ReadError("an answer without end")
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer did not end in time")
    return b"".join(parts)
