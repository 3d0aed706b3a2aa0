"""Times in recordings that are JSON lines, and the exceptions that malformed rows raise."""

_YEAR_2100 = 4_102_444_800

# For missing fields, wrong types, numbers out of range, and too deep nesting.
MALFORMED = (KeyError, TypeError, AttributeError, OverflowError, RecursionError)


def microseconds(seconds: object) -> int:
    """Convert seconds since 1970. Raises ValueError, TypeError."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError("a time must be a number")
    if not 0 <= seconds < _YEAR_2100:
        raise ValueError(f"{seconds} is not a time in seconds since 1970")
    return int(seconds * 1_000_000)
