"""Our partitioner is that of Faust's Kafka client."""

import aiokafka.partitioner
from hypothesis import given
from hypothesis import strategies as st

from runtime.partitioner import murmur2


@given(st.binary(max_size=70))
def test_murmur2_is_aiokafkas(key: bytes) -> None:
    assert murmur2(key) == aiokafka.partitioner.murmur2(key) & 0xFFFFFFFF
