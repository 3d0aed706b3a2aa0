"""Keyed hashes in rows in place of who users are: between the row of a delivery and its table.

The same key gives the same hash in every table, so joins work. Domains, nodes, clients' names and
times stay. Texts that may hold anything (whole records, payloads, recognised speech) are left out.
"""

from typing import Any

import msgspec

from runtime.keyed_hash import keyed_hash, read_key
from sinks.clickhouse.rows import CallRecordRow, DeadLetterRow, Row
from sinks.clickhouse.settings import ClickHouseSettings

# Columns by what becomes of them, of rows and of the cells in them.
USERS = frozenset({"aor", "callee", "caller", "joined", "peer", "users"})
HASHED = frozenset(
    """
    binding call call_id connection contact correlation dialled key leg number other_leg
    path received_ip remaining remote_ip session sip_call_id tag tags transfer
    """.split()  # noqa: SIM905 - a list of words
)
LEFT_OUT: dict[str, str | None] = {"payload": "", "record": "", "text": None}
# The id of a call is made of its legs' ids.
HASHED_OF_CALLS = ("id", "merged_into")


class Pseudonyms:
    """The hashes of one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def user(self, name: str) -> str:
        """An AOR, or whoever a source names: `sip:` and the domain stay. Empty stays empty."""
        prefix = "sip:" if name.startswith("sip:") else ""
        bare = name.removeprefix(prefix)
        if not bare:
            return name
        _, at, domain = bare.rpartition("@")
        return f"{prefix}{keyed_hash(self._key, bare)}{at}{domain if at else ''}"

    def text(self, text: str) -> str:
        """The hash of a whole text. Empty stays empty."""
        return keyed_hash(self._key, text) if text else text

    def hide(self, row: Row) -> None:
        """Put hashes into a row."""
        self._hide(row)
        if isinstance(row, CallRecordRow):
            for name in HASHED_OF_CALLS:
                setattr(row, name, self.text(getattr(row, name)))
        elif isinstance(row, DeadLetterRow):
            # `Class: what it is about`, which may quote anything.
            row.reason = row.reason.partition(":")[0] if ":" in row.reason else ""

    def _hide(self, struct: msgspec.Struct) -> None:
        for name in struct.__struct_fields__:
            value: Any = getattr(struct, name)
            if name in LEFT_OUT:
                setattr(struct, name, LEFT_OUT[name])
            elif name in USERS:
                setattr(struct, name, _each(self.user, value))
            elif name in HASHED:
                setattr(struct, name, _each(self.text, value))
            elif isinstance(value, list):
                for one in value:
                    if isinstance(one, msgspec.Struct):
                        self._hide(one)


def _each(change: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [change(one) for one in value]
    return None if value is None else change(value)


def pseudonyms(settings: ClickHouseSettings) -> Pseudonyms | None:
    """Those of the settings; None: everything is stored in clear. Raises BadSettings."""
    if settings.pseudonym_key_file is None:
        return None
    return Pseudonyms(read_key(settings.pseudonym_key_file))


def as_stored(settings: ClickHouseSettings, aor: str) -> str:
    """An AOR as the tables have it. Raises BadSettings."""
    chosen = pseudonyms(settings)
    return aor if chosen is None else chosen.user(aor)
