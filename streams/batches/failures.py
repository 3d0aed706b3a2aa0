"""Exceptions of rules that no consumed record has caused: each place in the code is logged once."""

from collections.abc import Iterator


class Failures:
    """The first exception of each place in the code, from sweeps and timers."""

    def __init__(self) -> None:
        self._first: dict[str, Exception] = {}

    def add(self, what: str, error: Exception) -> None:
        """Add an exception; `what` was being done ("sweep", "expiry", "grace")."""
        self._first.setdefault(f"{what}: {type(error).__name__} at {_place(error)}", error)

    def new(self, known: set[str]) -> Iterator[tuple[str, Exception]]:
        """(place, its first exception) of the places that are not in `known`; adds them there."""
        for cause, error in self._first.items():
            if cause not in known:
                known.add(cause)
                yield cause, error


def _place(error: Exception) -> str:
    """`file.py:line` where it was raised."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
