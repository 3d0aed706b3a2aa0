"""Requests of MRCPv2 as they are on the control connection (RFC 6787 §5; pure)."""

from collections.abc import Mapping

from producers.mrcp.message import START


def request(method: str, number: int, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request. Its length, in its own first line, counts that line too (§5.1)."""
    fields = dict(headers)
    if body:
        fields["Content-Length"] = str(len(body))
    rest = "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"
    rest += body

    def line(length: int) -> bytes:
        return b"%s %d %s %d\r\n" % (START, length, method.encode(), number)

    length = len(line(0)) + len(rest)
    while (found := len(line(length)) + len(rest)) != length:
        length = found
    return line(length) + rest
