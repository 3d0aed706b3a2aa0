"""JSON objects of clients, read so that no two readers can differ on them (pure)."""

import json
from typing import Any, NoReturn


def strict_object(data: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8. Raises ValueError: no object, a member twice, NaN, too deep."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_members, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError("no JSON object")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a member twice")
    return found


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")
