"""HTTP for producers that ask over it: a body within bounds, and refused connections."""

import time

import httpx


def read_body(response: httpx.Response, max_bytes: int, deadline: float) -> bytes:
    """The whole body, decoded by its headers; `deadline` is of time.monotonic.

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


def is_refused(error: BaseException) -> bool:
    """Whether nothing listens at the address: httpx has that as the cause of its own error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
