"""What raised in rules that no record is to blame for: each cause once, for the log."""

from collections.abc import Iterator


class Failures:
    """Of sweeps and timers. A cause is a place in the code; what is at hand there may differ."""

    def __init__(self) -> None:
        self._first: dict[str, Exception] = {}

    def add(self, what: str, error: Exception) -> None:
        """`what` was under way ("sweep", "expiry", "grace") when `error` was raised."""
        self._first.setdefault(f"{what}: {type(error).__name__} at {_place(error)}", error)

    def news(self, known: set[str]) -> Iterator[tuple[str, Exception]]:
        """(cause, its first error) of the causes that are not in `known`, where they are put."""
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
