"""One partition's table in memory: each value is compressed by itself, and may have an overlay.

Iteration, length and values are without overlays. Writing a value removes the overlay over it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

from streams.consumed import FetchedRecord
from streams.tables.overlays import join, overlaid_key, split
from streams.tables.packer import Packer

# Keys kept of the records that recovery read last: more than a batch usually writes.
RECENT = 50_000


class PackedTable(MutableMapping[bytes, bytes]):
    """Values by key; iteration is in the order of insertion."""

    def __init__(self, packer: Packer) -> None:
        self._packer = packer
        self._pack = packer.pack
        self._kept: dict[bytes, bytes] = {}
        # From recovery: the keys read last, and the last batch before everything that was read.
        self.recent: deque[bytes] = deque(maxlen=RECENT)
        self.batch = 0
        self.overlays = TableOverlays(self)

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __getitem__(self, key: bytes) -> bytes:
        return self._packer.unpack(split(self._kept[key])[1])

    def get(self, key: bytes, default: Any = None) -> Any:
        """As Mapping.get, by one call instead of three: it is called for every event."""
        kept = self._kept.get(key)
        return default if kept is None else self._packer.unpack(split(kept)[1])

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._kept[key] = self._pack(value)

    def __delitem__(self, key: bytes) -> None:
        del self._kept[key]

    def restore(self, records: Iterable[FetchedRecord]) -> None:
        """Apply changelog records in order; one without a value deletes its key.

        An overlay without a value under it is skipped: compaction has removed the value that it was
        laid over, and a later one follows.
        """
        last, laid = dict[bytes, bytes](), dict[bytes, bytes]()
        for record in records:
            key, value = record.key or b"", record.value
            if value is None:
                last.pop(key, None)
                laid.pop(key, None)
                self._kept.pop(key, None)
            elif (under := overlaid_key(key, value)) is not None:
                if under in last or under in self._kept:
                    laid[under] = value
            else:
                last[key] = value
                laid.pop(key, None)
                self.recent.append(key)
        self._kept.update(zip(last, self._packer.pack_all(last.values()), strict=True))
        for key, overlay in laid.items():
            self.overlays[key] = overlay

    def packed(self) -> tuple[bytes, dict[bytes, bytes]]:
        """The dictionary, and a copy of the compressed values with their overlays."""
        return self._packer.dictionary, dict(self._kept)

    def repacked(self, dictionary: bytes, values: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """Values compressed with another dictionary, compressed with this table's."""
        self._packer.adopt(dictionary)
        if dictionary == self._packer.dictionary:
            return values
        theirs = Packer()
        theirs.adopt(dictionary)
        repacked = {}
        for key, kept in values.items():
            overlay, value = split(kept)
            value = self._pack(theirs.unpack(value))
            repacked[key] = value if overlay is None else join(overlay, value)
        return repacked

    def adopt(self, values: dict[bytes, bytes], batch: int) -> None:
        """Replace the table by compressed values, and set the last batch among them."""
        self._kept, self.batch = values, batch
        self.recent.clear()


class TableOverlays:
    """The overlays of a table (streams.tables.overlays.Overlays)."""

    def __init__(self, table: PackedTable) -> None:
        self._table = table

    def get(self, key: bytes, /) -> bytes | None:
        kept = self._table._kept.get(key)
        return None if kept is None else split(kept)[0]

    def __setitem__(self, key: bytes, overlay: bytes, /) -> None:
        kept = self._table._kept
        kept[key] = join(overlay, split(kept[key])[1])
