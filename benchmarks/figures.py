"""Percentiles of delays, and the last line that each benchmark prints."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile of ascending values: the smallest that `share` do not exceed."""
    rank = -int(-len(ordered) * share // 1)
    return ordered[max(rank, 1) - 1]


def delays_ms(seconds: Iterable[float]) -> dict[str, float]:
    """count, p50, p99, p99.9 and max in milliseconds. Raises ValueError when there are none."""
    ordered = sorted(seconds)
    if not ordered:
        raise ValueError("no delay was measured")
    cuts = {"p50_ms": 0.5, "p99_ms": 0.99, "p99_9_ms": 0.999, "max_ms": 1.0}
    found = {name: round(percentile(ordered, share) * 1000, 1) for name, share in cuts.items()}
    return {"count": len(ordered), **found}


def finish(result: dict[str, Any]) -> None:
    """Print a benchmark's last line: one JSON object."""
    sys.stdout.write(f"{json.dumps(result | {'cores': os.cpu_count()})}\n")
