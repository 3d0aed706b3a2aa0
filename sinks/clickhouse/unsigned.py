"""Numbers a column can hold: what does not fit is invalid, never stored as another number."""

from schemas.codec import InvalidRecord


def unsigned(field: str, value: int, bits: int) -> int:
    """`value` if a UInt of so many bits holds it; ClickHouse would store it wrapped, unasked.

    Raises InvalidRecord.
    """
    if 0 <= value < 1 << bits:
        return value
    raise InvalidRecord(field, f"{value} is outside 0..2^{bits}-1")


def optional(field: str, value: int | None, bits: int) -> int | None:
    """`unsigned`, where the contract allows null."""
    return None if value is None else unsigned(field, value, bits)
