"""The compression of a table's values: each by itself, with a dictionary learned from them.

The values of a table resemble each other, so with the dictionary they take about an eighth of the
memory. The records in Kafka are not compressed by it.
"""

from collections.abc import Iterable

import zstandard

# Values stored uncompressed until a dictionary is learned from them, and its size.
LEARNED_FROM = 1_000
_DICTIONARY_BYTES = 8_192
_LEVEL = 1
_FRAME = zstandard.FRAME_HEADER  # no JSON begins with it

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
