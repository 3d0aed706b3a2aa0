"""One partition's table in memory: each value is compressed by itself.

The values of a table resemble each other, so with a dictionary learned from the first values the
others take about an eighth of the memory. The records in Kafka are not compressed by it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import zstandard

from streams.consumed import FetchedRecord

# Values stored uncompressed until a dictionary is learned from them, and its size.
LEARNED_FROM = 1_000
_DICTIONARY_BYTES = 8_192
_LEVEL = 1
_FRAME = zstandard.FRAME_HEADER  # no JSON begins with it
# Keys kept of the records that recovery read last: more than a batch usually writes.
RECENT = 50_000


_Data = bytes | bytearray | memoryview


class Packer:
    """Compresses the values of one table, in all its partitions. For one thread.

    The dictionary is learned once, so packed values can be unpacked as long as the process lives.
    """

    def __init__(self) -> None:
        self.dictionary = b""  # none yet
        self._seen: list[_Data] = []
        self._compress: zstandard.ZstdCompressor | None = None
        self._decompress: zstandard.ZstdDecompressor | None = None

    def pack(self, value: bytes) -> bytes:
        """Compress a JSON value."""
        if self._compress is not None:
            # A copy: the compressor's result is a shortened buffer, which keeps the memory of the
            # longest possible result.
            return bytes(memoryview(self._compress.compress(value)))
        self._seen.append(value)
        if len(self._seen) == LEARNED_FROM:
            self._learn()
        return value

    def pack_all(self, values: Iterable[bytes]) -> list[bytes]:
        """Compress many values at once, mostly without the GIL."""
        rest, kept = iter(values), list[bytes]()
        if self._compress is None:  # until it has learned
            for value in rest:
                kept.append(self.pack(value))
                if self._compress is not None:
                    break
        left: list[_Data] = list(rest)
        if self._compress is not None and left:
            packed = self._compress.multi_compress_to_buffer(left)
            kept += [packed[number].tobytes() for number in range(len(packed))]
        return kept

    def unpack(self, kept: bytes) -> bytes:
        """Decompress a value."""
        if self._decompress is None or not kept.startswith(_FRAME):
            return kept
        return self._decompress.decompress(kept)

    def _learn(self) -> None:
        samples, self._seen = self._seen, []
        try:
            learned = zstandard.train_dictionary(_DICTIONARY_BYTES, samples)
        except zstandard.ZstdError:  # too similar, or too short: one of them serves as dictionary
            learned = zstandard.ZstdCompressionDict(samples[0])
        self._use(learned)

    def adopt(self, dictionary: bytes) -> None:
        """Use a dictionary learned before, unless there is one already."""
        if dictionary and not self.dictionary:
            self._seen = []
            self._use(zstandard.ZstdCompressionDict(dictionary))

    def _use(self, learned: zstandard.ZstdCompressionDict) -> None:
        self.dictionary = learned.as_bytes()
        learned.precompute_compress(level=_LEVEL)
        self._compress = zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=learned, write_checksum=False, write_dict_id=False
        )
        self._decompress = zstandard.ZstdDecompressor(dict_data=learned)


class PackedTable(MutableMapping[bytes, bytes]):
    """Values by key; iteration is in the order of insertion."""

    def __init__(self, packer: Packer) -> None:
        self._packer = packer
        self._pack, self._unpack = packer.pack, packer.unpack
        self._kept: dict[bytes, bytes] = {}
        # From recovery: the keys read last, and the last batch before everything that was read.
        self.recent: deque[bytes] = deque(maxlen=RECENT)
        self.batch = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __getitem__(self, key: bytes) -> bytes:
        return self._unpack(self._kept[key])

    def get(self, key: bytes, default: Any = None) -> Any:
        """As Mapping.get, by one call instead of three: it is called for every event."""
        kept = self._kept.get(key)
        return default if kept is None else self._unpack(kept)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._kept[key] = self._pack(value)

    def __delitem__(self, key: bytes) -> None:
        del self._kept[key]

    def restore(self, records: Iterable[FetchedRecord]) -> None:
        """Apply changelog records in order; one without a value deletes its key."""
        last: dict[bytes, bytes] = {}
        for record in records:
            key = record.key or b""
            if record.value is None:
                last.pop(key, None)
                self._kept.pop(key, None)
            else:
                last[key] = record.value
                self.recent.append(key)
        self._kept.update(zip(last, self._packer.pack_all(last.values()), strict=True))

    def packed(self) -> tuple[bytes, dict[bytes, bytes]]:
        """The dictionary, and a copy of the compressed values."""
        return self._packer.dictionary, dict(self._kept)

    def repacked(self, dictionary: bytes, values: Mapping[bytes, bytes]) -> Mapping[bytes, bytes]:
        """Values compressed with another dictionary, compressed with this table's."""
        self._packer.adopt(dictionary)
        if dictionary == self._packer.dictionary:
            return values
        theirs = Packer()
        theirs.adopt(dictionary)
        return {key: self._pack(theirs.unpack(value)) for key, value in values.items()}

    def adopt(self, values: dict[bytes, bytes], batch: int) -> None:
        """Replace the table by compressed values, and set the last batch among them."""
        self._kept, self.batch = values, batch
        self.recent.clear()
