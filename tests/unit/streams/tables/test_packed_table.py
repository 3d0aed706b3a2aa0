"""The worker's tables in memory: nothing is changed by being packed, and most of it is saved."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.tables.overlays import overlay_key
from streams.tables.packed_table import PackedTable
from streams.tables.packer import LEARNED_FROM, Packer


def _session(number: int) -> bytes:
    """Much like what the session table holds."""
    return (
        f'{{"aor":"sip:{number}@example.org","version":{number % 7},"status":"online",'
        f'"bindings":{{"fs1|sip:{number}@10.0.0.1:{number}":{{"node":"fs1",'
        f'"boot":"boot-{number % 3}","contact":"sip:{number}@10.0.0.1:{number}",'
        f'"user_agent":"Phone 1.0","seq":{number}}}}}}}'
    ).encode()


def _taught() -> Packer:
    packer = Packer()
    for number in range(LEARNED_FROM):
        packer.pack(_session(number))
    return packer


TAUGHT = _taught()


@given(st.binary(max_size=5_000).map(lambda rest: b"{" + rest))
def test_every_value_comes_back_as_it_was(value: bytes) -> None:
    assert TAUGHT.unpack(TAUGHT.pack(value)) == value


def test_values_of_before_and_after_the_learning_come_back() -> None:
    table = PackedTable(Packer())
    expected = {str(n).encode(): _session(n) for n in range(LEARNED_FROM + 500)}
    for key, value in expected.items():
        table[key] = value
    assert table == expected
    assert list(table) == list(expected)


@pytest.mark.parametrize("before", [0, 1, LEARNED_FROM - 1, LEARNED_FROM, LEARNED_FROM + 1])
@pytest.mark.parametrize("count", [0, 1, 2, LEARNED_FROM + 50])
def test_many_at_once_are_packed_as_one_by_one(before: int, count: int) -> None:
    one_by_one, at_once = Packer(), Packer()
    for number in range(before):
        one_by_one.pack(_session(number))
        at_once.pack(_session(number))
    values = [_session(before + number) for number in range(count)]
    packed = at_once.pack_all(values)
    assert packed == [one_by_one.pack(value) for value in values]
    assert [at_once.unpack(value) for value in packed] == values


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.none() | st.integers(0, 9)))
    )
)
def test_what_is_restored_is_each_keys_last_value(batches: list[Any]) -> None:
    table, expected = PackedTable(TAUGHT), dict[bytes, bytes]()
    for batch in batches:
        changes = [(key, None if n is None else _session(n)) for key, n in batch]
        records: list[Any] = [SimpleNamespace(key=key, value=value) for key, value in changes]
        table.restore(records)
        for key, value in changes:
            if value is None:
                expected.pop(key, None)
            else:
                expected[key] = value
    assert table == expected


def test_what_is_kept_is_a_small_part_of_what_was_given() -> None:
    value = _session(123_456)
    assert sys.getsizeof(TAUGHT.pack(value)) * 2 < sys.getsizeof(value)


@pytest.mark.parametrize("value", [b"{}", b'{"a":1}', b"{" + bytes(100)])
def test_values_that_teach_nothing_do_no_harm(value: bytes) -> None:
    packer = Packer()
    kept = [packer.pack(value) for _ in range(LEARNED_FROM)] + [packer.pack(_session(1))]
    assert [packer.unpack(one) for one in kept] == [value] * LEARNED_FROM + [_session(1)]


_CHANGES = st.lists(
    st.lists(
        st.tuples(
            st.sampled_from([b"a", b"b"]),
            st.sampled_from(["value", "overlay", "deletion"]),
            st.integers(0, 9),
        )
    )
)


@given(_CHANGES)
def test_an_overlay_lasts_until_its_value_is_written(batches: list[Any]) -> None:
    """Restored in batches, it is the same as laid and written one by one."""
    restored, table = PackedTable(TAUGHT), PackedTable(TAUGHT)
    values, overlays = dict[bytes, bytes](), dict[bytes, bytes]()
    for batch in batches:
        records: list[Any] = []
        for key, kind, number in batch:
            overlay = f"[{number}]".encode()
            if kind == "overlay":
                records.append(SimpleNamespace(key=overlay_key(key), value=overlay))
                if key in values:
                    overlays[key] = table.overlays[key] = overlay
            elif kind == "value":
                records.append(SimpleNamespace(key=key, value=_session(number)))
                values[key] = table[key] = _session(number)
                overlays.pop(key, None)
            else:
                records.append(SimpleNamespace(key=key, value=None))
                values.pop(key, None)
                overlays.pop(key, None)
                table.pop(key, None)
        restored.restore(records)
    for one in (restored, table):
        assert one == values
        assert one.items() == values.items()
        assert {key: one.overlays.get(key) for key in (b"a", b"b", b"c")} == {
            key: overlays.get(key) for key in (b"a", b"b", b"c")
        }
    assert set(restored.recent) <= {b"a", b"b"}


def test_only_an_array_under_such_a_key_is_an_overlay() -> None:
    """A Call-ID may be anything: the media table's keys are callers' text."""
    key, value = overlay_key(b"a"), _session(1)
    table = PackedTable(TAUGHT)
    records: list[Any] = [SimpleNamespace(key=k, value=value) for k in (b"a", key)]
    table.restore(records)
    assert table == {b"a": value, key: value}
    assert table.overlays.get(b"a") is None
    table.restore([SimpleNamespace(key=key, value=None)])  # type: ignore[list-item]  # as much of a record as is used
    assert table == {b"a": value}


def test_a_key_that_goes_is_gone() -> None:
    table = PackedTable(TAUGHT)
    table[b"a"] = _session(1)
    assert b"a" in table
    del table[b"a"]
    assert b"a" not in table
    assert table.get(b"a") is None
    assert len(table) == 0
