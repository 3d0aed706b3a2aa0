"""Tables in the worker's own files: what is read is what was written, or nothing is used."""

import asyncio
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.kafka import KafkaUnavailable
from streams.consumed import TopicPartition
from streams.tables import checkpoint_file
from streams.tables.checkpoint_file import Header, Unusable
from streams.tables.checkpoints import Checkpoints
from streams.tables.packed_table import PackedTable
from streams.tables.packer import LEARNED_FROM, Packer

TOPIC = TopicPartition("rollcall.sessions", 3)
NOW = 1_790_000_000.0


def _value(number: int) -> bytes:
    return f'{{"aor":"sip:{number}@example.org","version":{number},"status":"online"}}'.encode()


def _table(entries: int, first: int = 0) -> PackedTable:
    """One whose packer has learned a dictionary, if there are entries enough."""
    table = PackedTable(Packer())
    for number in range(first, first + entries):
        table[f"sip:{number}@example.org".encode()] = _value(number)
    return table


class _Files:
    """Checkpoints in a folder, with a topic and a clock that a test may change."""

    def __init__(self, folder: Path) -> None:
        self.id: Callable[[], str] = lambda: "one"
        self.now = NOW
        self._folder = folder

    def tables(self) -> Checkpoints:
        return Checkpoints(self._folder, lambda: {TOPIC.topic: self.id()}, lambda: self.now)

    def save(self, table: PackedTable, offset: int = 100, batch: int = 7) -> Path:
        asyncio.run(self.tables().save(TOPIC, table.packed(), offset, batch))
        (path,) = self._folder.iterdir()
        return path

    def load(self, end: int = 100, table: PackedTable | None = None) -> PackedTable | None:
        table = _table(0) if table is None else table
        offset = asyncio.run(self.tables().load(TOPIC, table, end))
        if offset is None:
            assert not table
            return None
        assert (offset, table.batch) == (100, 7)
        return table


@pytest.fixture
def files(tmp_path: Path) -> _Files:
    return _Files(tmp_path)


@pytest.mark.parametrize("entries", [0, 10, LEARNED_FROM * 6])
def test_a_table_comes_back_as_it_was(files: _Files, entries: int) -> None:
    table = _table(entries)
    files.save(table)
    assert files.load() == table


def test_values_packed_with_another_dictionary_are_packed_anew(files: _Files) -> None:
    """Of a partition that came from Kafka, and another that came from a file of before."""
    table, other = _table(LEARNED_FROM * 2), _table(LEARNED_FROM, first=5_000_000)
    files.save(table)
    into = PackedTable(other._packer)
    assert into._packer.dictionary != table._packer.dictionary
    assert files.load(table=into) == table
    assert len(other) == LEARNED_FROM
    assert other[b"sip:5000000@example.org"] == _value(5_000_000)


@pytest.mark.parametrize("is_repacked", [False, True])
def test_overlays_come_back_with_their_values(files: _Files, *, is_repacked: bool) -> None:
    table, other = _table(LEARNED_FROM * 2), _table(LEARNED_FROM, first=5_000_000)
    laid, plain = b"sip:7@example.org", b"sip:8@example.org"
    table.overlays[laid] = b"[1,2]"
    files.save(table)
    into = PackedTable(other._packer) if is_repacked else _table(0)
    assert files.load(table=into) == table
    assert into.overlays.get(laid) == b"[1,2]"
    assert into.overlays.get(plain) is None
    into[laid] = _value(7)
    assert into.overlays.get(laid) is None


def _make_topic_anew(files: _Files) -> None:
    files.id = lambda: "another"


def _lose_kafka(files: _Files) -> None:
    def ask() -> str:
        raise KafkaUnavailable("no answer")

    files.id = ask


def _wait_a_day(files: _Files) -> None:
    files.now += 86_400


def _set_the_clock_back(files: _Files) -> None:
    files.now -= 3_600


@pytest.mark.parametrize(
    ("change", "end"),
    [
        (_make_topic_anew, 100),
        (_lose_kafka, 100),
        (_wait_a_day, 100),
        (_set_the_clock_back, 100),
        (lambda _: None, 99),  # the topic has lost records that the file has
    ],
)
def test_what_may_not_go_together_with_the_topic_is_not_used(
    files: _Files, change: Callable[[_Files], None], end: int
) -> None:
    files.save(_table(10))
    assert files.load()
    change(files)
    assert files.load(end) is None


def test_a_file_of_another_format_is_not_used(files: _Files) -> None:
    path = files.save(_table(1))
    checkpoint_file.write(path, Header("one", 100, NOW, 7, 0, b"", format=99), {})
    assert files.load() is None


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "a.table"
    kept = {str(n).encode(): _value(n) for n in range(200)}
    checkpoint_file.write(path, Header("one", 100, NOW, 7, len(kept), b"dictionary"), kept)
    return path.read_bytes()


def _read(data: bytes) -> dict[bytes, bytes]:
    _, pieces = checkpoint_file.read(io.BytesIO(data))
    return {key: value for piece in pieces for key, value in piece.items()}


@given(cut=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_short_is_not_used(whole: bytes, cut: float) -> None:
    assert len(_read(whole)) == 200
    with pytest.raises(Unusable):
        _read(whole[: int(len(whole) * cut)])


@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_damaged_file_is_not_used(whole: bytes, place: float, change: int) -> None:
    damaged = bytearray(whole)
    damaged[int(len(whole) * place)] ^= change
    with pytest.raises(Unusable):
        _read(bytes(damaged))


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_file_counts_as_saved_until_it_must_be_written_anew(
    files: _Files, *, is_loaded: bool
) -> None:
    """A table that nothing changes was never saved again, and its file grew too old."""
    tables = files.tables()
    asyncio.run(tables.save(TOPIC, _table(10).packed(), 100, 7))
    if is_loaded:
        tables = files.tables()
        asyncio.run(tables.load(TOPIC, _table(0), 100))
    assert tables.saved_until(TOPIC) == 100
    files.now += 5 * 3_600
    assert tables.saved_until(TOPIC) == 100
    files.now += 2 * 3_600
    assert files.load(), "it could still be used, and must not be let go"
    assert tables.saved_until(TOPIC) == 0


def test_a_save_that_fails_leaves_the_file_of_before(files: _Files, tmp_path: Path) -> None:
    before = files.save(_table(10)).read_bytes()

    class Full(dict[bytes, bytes]):
        def items(self) -> Any:
            raise OSError(28, "No space left on device")

    tables = Checkpoints(tmp_path, lambda: {TOPIC.topic: "one"})
    asyncio.run(tables.save(TOPIC, (b"", Full()), 200, 8))
    (path,) = tmp_path.iterdir()
    assert path.read_bytes() == before
