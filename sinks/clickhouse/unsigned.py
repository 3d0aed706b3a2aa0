"""Bounds of unsigned columns: a number that does not fit is invalid, never stored as another."""

from schemas.codec import InvalidRecord


def unsigned(field: str, value: int, bits: int) -> int:
    """`value` if a UInt of so many bits holds it; ClickHouse would silently store it modulo 2^bits.

    Raises InvalidRecord.
    """
    if 0 <= value < 1 << bits:
        return value
    raise InvalidRecord(field, f"{value} is outside 0..2^{bits}-1")


def optional(field: str, value: int | None, bits: int) -> int | None:
    """`unsigned`, where the contract allows null."""
    return None if value is None else unsigned(field, value, bits)
