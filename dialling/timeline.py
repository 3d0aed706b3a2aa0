"""The timeline of one call: what happened, in milliseconds since it was begun (pure)."""

from schemas.dialling import DialStep
from schemas.vocabulary import DialStepKind

# A far end that speaks and pauses for ever must not make a record without bounds.
_STEPS_MAX = 200


class Timeline:
    """Times are the caller's, in seconds."""

    def __init__(self, began: float, steps: list[DialStep] | None = None) -> None:
        """`steps`: of the call before the service was restarted."""
        self._began = began - (steps[-1].after_ms / 1000 if steps else 0.0)
        self.steps = list(steps or ())

    def add(self, kind: DialStepKind, now: float, detail: str | None = None) -> None:
        """Add one entry. Never give it a digit."""
        if len(self.steps) < _STEPS_MAX:
            after = max(0, round((now - self._began) * 1000))
            self.steps.append(DialStep(after_ms=after, kind=kind, detail=detail))
