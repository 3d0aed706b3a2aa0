"""Input that cannot be used, as bytes: the payload of its dead letter. Pure."""

import json


def payload_of(value: object) -> bytes:
    """Decoded input as it came, close enough for a reader; it never raises.

    Text keeps bytes that were no UTF-8 (lone surrogates, as `surrogateescape` leaves them); all
    else is written as JSON. What nests too deeply for that is only named.
    """
    if isinstance(value, str):
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:  # of an escape in JSON, which stands for no bytes
            return value.encode("utf-8", "surrogatepass")
    try:
        return json.dumps(value, default=repr).encode()
    except (TypeError, ValueError, RecursionError):
        return f"{type(value).__name__}, not to be written as JSON".encode()
