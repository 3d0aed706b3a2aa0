"""Metrics of a batch of sessions whose effects Kafka has acknowledged."""

from datetime import datetime
from typing import TypeVar

from runtime import metrics
from schemas.vocabulary import Cause
from streams.batches.session_output import SessionOutput

T = TypeVar("T")
_CLOSES = (Cause.CONNECTION_CLOSED, Cause.CONNECTION_RESET, Cause.CONNECTION_TIMED_OUT)
# Delays of so many publications of a batch are recorded: each costs as much as a fold.
_SAMPLES = 16


def measure(output: SessionOutput, now: datetime) -> None:
    """Count the batch's fences and changes, and record how late some of its changes are `now`."""
    for fence, count in output.fences.items():
        metrics.FENCED.add(count, {"fence": fence})
    for cause, count in output.causes.items():
        metrics.PRESENCE_CHANGES.add(count, {"cause": cause})
    for _, at in _sample(output.published_causes):
        metrics.PRESENCE_DELAY.record(_seconds(now, at))
    closes = [at for cause, at in output.published_causes if cause in _CLOSES]
    for at in _sample(closes):
        metrics.CLOSE_DELAY.record(_seconds(now, at))


def _sample(values: list[T]) -> list[T]:
    return values[:: len(values) // _SAMPLES + 1]


def _seconds(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())
