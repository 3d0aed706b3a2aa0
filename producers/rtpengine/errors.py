"""Errors of rtpengine's NG protocol, named for the reaction that each asks for.

NgError             the round ends; the next one asks again
├─ NgUnreachable    no answer in time, so no heartbeat; a refused connection is tried again sooner
├─ NgRefused        rtpengine answers with an error (an unknown call, in most cases)
└─ NgUnreadable     an answer of another form: a dead letter, and nothing is concluded from it
"""


class NgError(Exception):
    """The control protocol gave no usable answer."""

    reason = "ng-error"


class NgUnreachable(NgError):
    """No answer came in time; the message names the address.

    `is_refused`: no process has the port, as while rtpengine restarts.
    """

    reason = "ng-unreachable"

    def __init__(self, message: str, *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.is_refused = is_refused


class NgRefused(NgError):
    """rtpengine's own error answer."""

    reason = "ng-refused"


class NgUnreadable(NgError):
    """An answer that is not a JSON object, or has a wrong `field`; `payload` holds it."""

    reason = "ng-unreadable"

    def __init__(self, message: str, payload: bytes, field: str | None = None) -> None:
        super().__init__(message)
        self.payload = payload
        self.field = field
