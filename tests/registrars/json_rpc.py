"""One JSON-RPC call over HTTP, as Kamailio's jsonrpcs and OpenSIPS' mi_http take it."""

import json
import socket
from typing import Any

_SECONDS = 10


def ask(port: int, path: str, method: str, parameters: Any = ()) -> Any:
    """The result; None where the server refuses. `parameters` by place or by name."""
    question: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
    if parameters:
        question["params"] = parameters
    body = json.dumps(question)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), _SECONDS) as connection:
        connection.sendall(f"{head}{body}".encode())
        with connection.makefile("rb") as answer:  # the connection's end may take seconds
            length = 0
            while (line := answer.readline().lower()) not in (b"\r\n", b""):
                if line.startswith(b"content-length:"):
                    length = int(line.partition(b":")[2])
            text = answer.read(length).decode("utf-8", "surrogateescape")
    return json.loads(text, strict=False).get("result")
