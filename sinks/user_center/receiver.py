"""The user center over HTTP: one signed POST, and its answer as a named error."""

import ssl
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from standardwebhooks import Webhook

from sinks.user_center.cloud_event import CONTENT_TYPE
from sinks.user_center.errors import (
    BatchTooLarge,
    DeliveryFailed,
    ReceiverAway,
    ReceiverRefusesUs,
    RecordsRefused,
)
from sinks.user_center.settings import UserCenterSettings

# Of an answer's body so much is kept, and so much read, to reuse the connection.
_DETAIL_BYTES = 1_000
_BODY_BYTES = 64 * 1024


class Receiver:
    """An HTTP client for one user center. Thread-safe."""

    def __init__(self, settings: UserCenterSettings) -> None:
        self._url = str(settings.url)
        self._timeout = settings.timeout_seconds
        self._retry_after_max = settings.retry_after_max_seconds
        self._webhook = Webhook(settings.secret.get_secret_value())
        verify: ssl.SSLContext | bool = True
        if settings.ca_file:
            verify = ssl.create_default_context(cafile=str(settings.ca_file))
        self._http = httpx.Client(
            timeout=settings.timeout_seconds,
            limits=httpx.Limits(max_connections=settings.concurrency),
            verify=verify,
            proxy=str(settings.proxy) if settings.proxy else None,
            trust_env=False,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._http.close()

    def post(self, message: str, body: bytes) -> None:
        """Deliver one batch under its webhook-id, or raise a DeliveryFailed."""
        deadline = time.monotonic() + self._timeout
        headers = {"content-type": CONTENT_TYPE, **self.signature(message, body)}
        try:
            with self._http.stream("POST", self._url, content=body, headers=headers) as response:
                detail = _read(response, deadline)
        except httpx.RequestError as error:
            raise away(error) from error
        except httpx.InvalidURL as error:  # httpx parses Location though redirects are not followed
            raise ReceiverRefusesUs("bad-redirect", f"its Location is no URL: {error}") from error
        if failure := refusal(response, detail, self._retry_after_max):
            raise failure

    def signature(self, message: str, body: bytes) -> dict[str, str]:
        """The three headers of Standard Webhooks; the timestamp is this attempt's."""
        now = datetime.now(tz=UTC)
        return {
            "webhook-id": message,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message, now, body.decode()),
        }


def _read(response: httpx.Response, deadline: float) -> str:
    """The beginning of the answer's body as text. Raises ReadTimeout when it does not end."""
    kept, size = b"", 0
    for chunk in response.iter_bytes():
        kept += chunk[: _DETAIL_BYTES - len(kept)]
        size += len(chunk)
        if size > _BODY_BYTES:
            break
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout("the answer did not end in time")
    return kept.decode("utf-8", "replace").strip()


def away(error: httpx.RequestError) -> ReceiverAway:
    """The error of a request without a usable answer. All may be transient."""
    if isinstance(error, httpx.TimeoutException):
        return ReceiverAway("timeout", str(error))
    if isinstance(error, httpx.ConnectError):
        return ReceiverAway("not-connected", str(error))
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return ReceiverAway("disconnected", str(error))
    return ReceiverAway("no-answer", str(error) or type(error).__name__)


def refusal(response: httpx.Response, detail: str, retry_after_max: float) -> DeliveryFailed | None:
    """What an answer means (RFC 9110 §15); None when it was accepted."""
    status = response.status_code
    reason = f"http-{status}"
    if 200 <= status < 300:
        return None
    if status in (400, 422):
        return RecordsRefused(reason, detail)
    if status == 413:
        return BatchTooLarge(reason, detail)
    if status in (408, 425, 429) or status >= 500:
        wait = retry_after(response.headers.get("retry-after"), datetime.now(tz=UTC))
        return ReceiverAway(reason, detail, None if wait is None else min(wait, retry_after_max))
    return ReceiverRefusesUs(reason, detail or _HINTS.get(status, ""))


_HINTS = {
    401: "is the secret the receiver's, and are both clocks right?",
    403: "does the receiver admit this sender?",
    404: "is user_center.url right?",
}


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header, a number or a date (RFC 9110 §10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        at = parsedate_to_datetime(value)
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):  # no date, or one beyond what datetime holds
        return None
    return max(0.0, wait.total_seconds())
