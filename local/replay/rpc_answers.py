"""Which recorded answer a replayed Kamailio gives to a command: the newest that still holds. Pure.

A listing shows the server at one moment. Once an event has followed that may have changed what it
shows, it is no answer to a question asked after the event: the producer would end what has begun
since. The command is refused then, but not as one that the server does not know: for such a one
the producer does not ask again.
"""

from typing import Any

from local.replay.evapi_recording import RecordedAnswer, RecordedListing

NOT_NOW = {"error": {"code": 500, "message": "nothing recorded that holds now"}}
USER_LISTING = "ul.lookup"
_DIALOGS = "dlg."


class RpcAnswers:
    """Of one recording on its way; not thread-safe."""

    def __init__(self, recorded: list[RecordedListing]) -> None:
        """`recorded`: all listings, in order."""
        self._to_come = [answer for listing in recorded for answer in listing.answers]
        self._current: list[RecordedAnswer] = []

    def reached(self, listing: RecordedListing) -> None:
        """The replay has come to these answers."""
        self._current += listing.answers
        done = {id(answer) for answer in listing.answers}
        self._to_come = [answer for answer in self._to_come if id(answer) not in done]

    def passed(self, kind: str) -> None:
        """An event of this kind (RecordedLine.kind) was sent."""
        if kind:
            calls = kind == "calls"
            self._current = [a for a in self._current if a.method.startswith(_DIALOGS) != calls]

    def answer(self, method: str, params: Any) -> RecordedAnswer | None:
        """The newest that holds; None: there is none."""
        return next((a for a in reversed(self._current) if _fits(a, method, params)), None)

    def is_to_come(self, method: str, params: Any) -> bool:
        """Whether the recording has an answer later on."""
        return any(_fits(answer, method, params) for answer in self._to_come)


def _fits(answer: RecordedAnswer, method: str, params: Any) -> bool:
    if answer.method != method:
        return False
    if method == USER_LISTING:  # of one user: whose, its parameters or itself tell
        return bool(_aor(answer) == _asked_aor(params))
    return answer.params is None or (answer.params or None) == (params or None)


def _aor(answer: RecordedAnswer) -> Any:
    if answer.params is not None:
        return _asked_aor(answer.params)
    result = answer.outcome.get("result")
    return result.get("AoR") if isinstance(result, dict) else None


def _asked_aor(params: Any) -> Any:
    """`[table, aor]`, or the same by name."""
    if isinstance(params, dict):
        return params.get("aor") or params.get("AOR")
    return params[1] if isinstance(params, list) and len(params) > 1 else None
