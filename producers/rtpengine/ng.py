"""rtpengine's NG protocol: one request, one answer, as JSON over UDP or HTTP.

A request carries a cookie. rtpengine answers a cookie that it knows with the stored answer, so each
request has a new one.
"""

import itertools
import json
import socket
import time
import uuid
from typing import Any, Protocol

import httpx

from producers.http_answers import is_refused, read_body
from producers.rtpengine.errors import NgRefused, NgUnreachable, NgUnreadable
from producers.rtpengine.settings import RtpengineSettings

# The largest UDP datagram; over HTTP a bound on the answer.
_MAX_DATAGRAM = 65_535
_MAX_ANSWER = 64 * 2**20
_UDP_CALLS_MAX = 500
_CONTENT_TYPE = "application/x-rtpengine-ng"

Answer = dict[str, Any]


class Ng(Protocol):
    """An NG client. `calls_max` is how many calls one answer may list."""

    calls_max: int

    def ask(self, command: str, **parameters: str | int) -> Answer:
        """Raises NgUnreachable, NgRefused, NgUnreadable."""

    def close(self) -> None: ...


def open_ng(settings: RtpengineSettings) -> Ng:
    """The client that the settings choose; rtpengine need not run yet."""
    if settings.ng_url:
        return HttpNg(settings.ng_url, settings.ng_timeout_seconds, settings.calls_max)
    calls_max = min(settings.calls_max, _UDP_CALLS_MAX)
    return UdpNg(settings.ng, settings.ng_timeout_seconds, calls_max)


class UdpNg:
    """NG over UDP: `listen-ng`, which every rtpengine has."""

    def __init__(self, address: str, timeout: float, calls_max: int) -> None:
        self.calls_max = calls_max
        self._address = address
        self._timeout = timeout
        self._cookies = _cookies()
        host, _, port = address.rpartition(":")
        self._peer = host.strip("[]"), int(port)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)

    def ask(self, command: str, **parameters: str | int) -> Answer:
        """Raises NgUnreachable, NgRefused, NgUnreadable."""
        cookie = next(self._cookies)
        deadline = time.monotonic() + self._timeout
        try:
            self._socket.connect(self._peer)
            self._socket.send(_request(cookie, command, parameters))
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                answer = self._socket.recv(_MAX_DATAGRAM)
                if answer.startswith(cookie + b" "):  # else the late answer to an earlier request
                    return read_answer(command, answer[len(cookie) + 1 :])
        except TimeoutError:
            pass
        except (OSError, OverflowError) as error:  # a port beyond 65535
            text = f"{self._address}: {error}"
            raise NgUnreachable(text, is_refused=is_refused(error)) from error
        raise NgUnreachable(f"{self._address}: no answer to {command} in time")

    def close(self) -> None:
        self._socket.close()


class HttpNg:
    """NG over HTTP: `listen-http`, with answers of any size."""

    def __init__(self, url: str, timeout: float, calls_max: int) -> None:
        self.calls_max = calls_max
        self._url = url
        self._timeout = timeout
        self._cookies = _cookies()
        self._client = httpx.Client(
            timeout=timeout, trust_env=False, headers={"Content-Type": _CONTENT_TYPE}
        )

    def ask(self, command: str, **parameters: str | int) -> Answer:
        """Raises NgUnreachable, NgRefused, NgUnreadable."""
        cookie = next(self._cookies)
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream(
                "POST", self._url, content=_request(cookie, command, parameters)
            ) as response:
                body = read_body(response, _MAX_ANSWER, deadline)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            text = f"{self._url}: {type(error).__name__} {error}"
            raise NgUnreachable(text, is_refused=is_refused(error)) from error
        if not response.is_success:
            raise NgRefused(f"{self._url}: HTTP {response.status_code}")
        return read_answer(command, body.removeprefix(cookie + b" "))

    def close(self) -> None:
        self._client.close()


def read_answer(command: str, data: bytes) -> Answer:
    """The decoded answer. Raises NgUnreadable, NgRefused.

    Bytes that are not UTF-8 (a Call-ID may hold any) are kept as lone surrogates.
    """
    try:
        answer = json.loads(data.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError) as error:
        raise NgUnreadable(f"the answer to {command} is no JSON: {error}", data) from error
    if not isinstance(answer, dict):
        raise NgUnreadable(f"the answer to {command} is no object", data)
    if answer.get("result") not in ("ok", "pong"):
        reason = answer.get("error-reason")
        detail = reason if isinstance(reason, str) and reason else "no result in the answer"
        raise NgRefused(f"{command}: {detail}"[:200])
    return answer


def _cookies() -> Any:
    run = uuid.uuid4().hex[:12]
    return (f"{run}_{number}".encode() for number in itertools.count())


def _request(cookie: bytes, command: str, parameters: dict[str, str | int]) -> bytes:
    text = json.dumps({"command": command, **parameters}, ensure_ascii=False)
    return cookie + b" " + text.encode("utf-8", "surrogateescape")
