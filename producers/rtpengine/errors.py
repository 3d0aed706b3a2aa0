"""What can go wrong with rtpengine's NG protocol, named for the reaction each asks for.

NgError             nothing is known this time; asked again
├─ NgUnreachable    nobody answers in time: no sign of life either; refused: asked again soon
├─ NgRefused        rtpengine answers, but with an error (an unknown call, above all)
└─ NgUnreadable     an answer of another form: conclude nothing from it, dead letter
"""


class NgError(Exception):
    """The control protocol gave no usable answer."""

    reason = "ng-error"


class NgUnreachable(NgError):
    """Nobody answered in time; the message names the address.

    `is_refused`: nobody has the port, as while rtpengine restarts.
    """

    reason = "ng-unreachable"

    def __init__(self, message: str, *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.is_refused = is_refused


class NgRefused(NgError):
    """rtpengine's own error answer."""

    reason = "ng-refused"


class NgUnreadable(NgError):
    """An answer that is no JSON object, or of which a field is wrong; `payload` holds it."""

    reason = "ng-unreadable"

    def __init__(self, message: str, payload: bytes, field: str | None = None) -> None:
        super().__init__(message)
        self.payload = payload
        self.field = field
