"""The times in recordings that are JSON lines, and what rows of another form raise."""

_YEAR_2100 = 4_102_444_800

# Of reading a row that is none: its fields, their types, numbers beyond bounds, depth.
NO_RECORDING = (KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def microseconds(seconds: object) -> int:
    """From seconds since 1970. Raises ValueError, TypeError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError("a time is a number")
    if not 0 <= seconds < _YEAR_2100:
        raise ValueError(f"{seconds} is no time in seconds since 1970")
    return int(seconds * 1_000_000)
