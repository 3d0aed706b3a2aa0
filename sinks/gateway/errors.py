"""Why a request is not served, named for what its sender should do about it.

Refused
├── BadQuery      change the request
├── NotAllowed    send a valid token, or use a page of an allowed origin
├── Forbidden     ask only for what the token shows, or get a token with more
├── NotAcceptable ask for a media type that there is
├── UnsupportedType, TooLarge  send another body
├── UnknownUser   nothing: there is no such user now
├── UnknownCall   nothing: there is no such call, or none any more
├── TooMany       ask less often, or have fewer open at once
└── TryElsewhere  wait and try again; another replica may have room, or may have started
"""


class Refused(Exception):
    """Answered with `status`; `reason` is a short label for metrics, `field` what is at fault."""

    status = 400
    reason = "bad-query"

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


class BadQuery(Refused):
    """400: an unknown field, or a value that is no AOR or domain."""


class NotAllowed(Refused):
    """401 without a valid token; 403 for a page of another origin; 421 for another host.

    `why`: what the log has more than its sender.
    """

    why: str | None = None

    def __init__(self, detail: str, *, status: int, reason: str) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason


class Forbidden(Refused):
    """403: a user, domain or part of a record outside the token's scope; `field` names it."""

    status = 403
    reason = "scope"


class NotAcceptable(Refused):
    """406: `Accept` excludes every media type there is."""

    status = 406
    reason = "not-acceptable"


class TooLarge(Refused):
    """413: a body past the limit."""

    status = 413
    reason = "too-large"


class UnsupportedType(Refused):
    """415: a body of another type."""

    status = 415
    reason = "unsupported-type"


class UnknownUser(Refused):
    """404: no presence record of that user."""

    status = 404
    reason = "unknown-user"


class UnknownCall(Refused):
    """404: no call of that id or key."""

    status = 404
    reason = "unknown-call"


class TooMany(Refused):
    """429: this client's own limit is reached. `retry_after`: seconds."""

    status = 429

    def __init__(
        self, detail: str, *, reason: str, retry_after: float = 2, field: str | None = None
    ) -> None:
        super().__init__(detail, field)
        self.reason = reason
        self.retry_after = retry_after


class TryElsewhere(Refused):
    """503: full, still reading, or stopping."""

    status = 503

    def __init__(self, detail: str, *, reason: str) -> None:
        super().__init__(detail)
        self.reason = reason
