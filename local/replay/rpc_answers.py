"""Chooses the recorded answer to a command: the newest that is still valid. Pure.

A listing shows the server at one time. After an event that may have changed its content it is no
longer valid: the producer would end what has begun since. The command is refused then, but not as
unknown, for the producer does not repeat an unknown command.
"""

from typing import Any

from local.replay.evapi_recording import RecordedAnswer, RecordedListing

NOT_NOW = {"error": {"code": 500, "message": "no recorded answer is valid now"}}
USER_LISTING = "ul.lookup"
_DIALOGS = "dlg."


class RpcAnswers:
    """The answers of one recording at its current position; not thread-safe."""

    def __init__(self, recorded: list[RecordedListing]) -> None:
        """`recorded` has all listings, in order."""
        self._upcoming = [answer for listing in recorded for answer in listing.answers]
        self._current: list[RecordedAnswer] = []

    def reached(self, listing: RecordedListing) -> None:
        """The replay has reached these answers: they are valid now."""
        self._current += listing.answers
        done = {id(answer) for answer in listing.answers}
        self._upcoming = [answer for answer in self._upcoming if id(answer) not in done]

    def passed(self, kind: str) -> None:
        """An event of this kind (RecordedLine.kind) was sent: answers it may change are dropped."""
        if kind:
            calls = kind == "calls"
            self._current = [a for a in self._current if a.method.startswith(_DIALOGS) != calls]

    def answer(self, method: str, params: Any) -> RecordedAnswer | None:
        """The newest valid answer, None where there is none."""
        return next((a for a in reversed(self._current) if _fits(a, method, params)), None)

    def is_upcoming(self, method: str, params: Any) -> bool:
        """Whether the recording has an answer later."""
        return any(_fits(answer, method, params) for answer in self._upcoming)


def _fits(answer: RecordedAnswer, method: str, params: Any) -> bool:
    if answer.method != method:
        return False
    if method == USER_LISTING:  # of one user, named in its parameters or in itself
        return bool(_aor(answer) == _asked_aor(params))
    return answer.params is None or (answer.params or None) == (params or None)


def _aor(answer: RecordedAnswer) -> Any:
    if answer.params is not None:
        return _asked_aor(answer.params)
    result = answer.outcome.get("result")
    return result.get("AoR") if isinstance(result, dict) else None


def _asked_aor(params: Any) -> Any:
    """The AOR in `[table, aor]`, or in named parameters."""
    if isinstance(params, dict):
        return params.get("aor") or params.get("AOR")
    return params[1] if isinstance(params, list) and len(params) > 1 else None
