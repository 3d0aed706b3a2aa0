"""What is read of a topic: partitions, and from where each is read."""

from datetime import UTC, datetime

import pytest

from runtime.topic_parts import Part
from schemas.topics import NODES

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_partitions_are_all_or_those_that_are_named() -> None:
    assert Part(NODES).numbers is None
    assert Part(NODES, (1, 2)).numbers == (1, 2)
    assert set(Part(NODES, offsets={3: 7}).numbers or ()) == {3}


def test_offsets_leave_nothing_else_to_be_named() -> None:
    with pytest.raises(ValueError, match="offsets"):
        Part(NODES, (1, 2), offsets={1: 7})
    with pytest.raises(ValueError, match="offsets"):
        Part(NODES, since=NOW, offsets={1: 7})
