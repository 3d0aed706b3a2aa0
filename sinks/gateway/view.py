"""What one subscriber sees of each record: what its token grants, and of that what it asked for.

Pure. A narrowed record is made once for all subscribers that see the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from sinks.gateway.access.redaction import (
    ALL_PARTS,
    BINDING_FIELDS,
    CALL_FIELDS,
    RECORD_FIELDS,
    Part,
    redacted_message,
    redacted_record,
)
from sinks.gateway.errors import BadQuery
from sinks.gateway.message import Message, reframed
from sinks.gateway.query import Fields

# Always shown: without them a record cannot be applied.
_ALWAYS = frozenset({"aor", "version"})
_NESTED = {"bindings": BINDING_FIELDS, "calls": CALL_FIELDS}
# Every name that `fields` may have: of the record, and of its bindings and calls.
NAMES = frozenset(RECORD_FIELDS) | {f"{of}.{name}" for of in _NESTED for name in _NESTED[of]}
# As many as are redacted (redaction.py).
_KEPT = 16_384
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def fields_of(fields: Fields) -> frozenset[str]:
    """`fields=status,bindings.node`: what of each record is wanted; empty: all. Raises BadQuery."""
    found = set()
    for text in fields.get("fields", ()):
        for name in text.split(","):
            if name not in NAMES:
                raise BadQuery(f"no field of a presence record: {name[:80]}", "fields")
            found.add(name)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class View:
    """`fields`: names of NAMES; empty: all."""

    parts: frozenset[Part] = ALL_PARTS
    fields: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Another one for another view: what was sent in one is not what another shows."""
        return " ".join([*sorted(self.parts), *sorted(self.fields)])

    @property
    def shown(self) -> Callable[[Message], Message] | None:
        """From a message to what is seen of it; None: all of it."""
        if self.parts == ALL_PARTS and not self.fields:
            return None
        return self._narrowed

    def _narrowed(self, message: Message) -> Message:
        if not self.fields:
            return redacted_message(message, self.parts)
        return _narrowed_message(message, self) if message.version else message


@lru_cache(_KEPT)
def _narrowed_message(message: Message, view: View) -> Message:
    """Messages are compared by identity: a user's next is another."""
    record = redacted_record(_decode(message.value), view.parts)
    return reframed(message, _encode(_selected(record, view.fields | _ALWAYS)))


def _selected(record: dict[str, Any], fields: frozenset[str]) -> dict[str, Any]:
    """The fields with these names; of a list of objects the fields named after its dot."""
    selected = {}
    for name, value in record.items():
        if name in fields:
            selected[name] = value
        elif name in _NESTED and (inner := _inner(fields, name)):
            selected[name] = [{k: v for k, v in one.items() if k in inner} for one in value]
    return selected


@lru_cache(_KEPT)
def _inner(fields: frozenset[str], name: str) -> frozenset[str]:
    return frozenset(one.partition(".")[2] for one in fields if one.startswith(f"{name}."))
